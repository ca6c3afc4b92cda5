import CLinux
import Glibc
import Linux

/// `/dev/kvm`: what the host's KVM can do, and the maker of virtual machines.
public struct System: ~Copyable, Sendable {
    let descriptor: OwnedDescriptor
    private let path: String

    /// The version of the API that this module is written for, the only one since Linux 2.6.22.
    public static let requiredAPIVersion = 12

    /// Opens KVM's device.
    ///
    /// - Throws: `KVMError`; for a missing device or permission its description names the remedy.
    public init(path: String = "/dev/kvm") throws(KVMError) {
        do {
            descriptor = try OwnedDescriptor.open(path, O_RDWR)
        } catch {
            throw KVMError("open", on: path, errno: error.errno)
        }
        self.path = path
    }

    /// The API's version (`KVM_GET_API_VERSION`).
    public var apiVersion: Int {
        get throws(KVMError) {
            Int(try control(descriptor, kKVM_GET_API_VERSION, "KVM_GET_API_VERSION", on: path))
        }
    }

    /// What the host says of `capability`: 0 where it is missing, otherwise 1 or a number with its own meaning
    /// (`KVM_CHECK_EXTENSION`).
    public func check(_ capability: Capability) throws(KVMError) -> Int {
        try Int(
            control(
                descriptor, kKVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION", argument: UInt(capability.number),
                on: capability.name))
    }

    /// The most vCPUs a virtual machine can have on this host.
    public var maximumVCPUCount: Int {
        get throws(KVMError) {
            let maximum = try check(.maximumVCPUs)
            return maximum > 0 ? maximum : max(try check(.recommendedVCPUs), 4)
        }
    }

    /// Makes an empty virtual machine (`KVM_CREATE_VM`).
    public func createVirtualMachine() throws(KVMError) -> VirtualMachine {
        let limit = try maximumVCPUCount
        let mappingSize = try control(
            descriptor, kKVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE", on: path)
        let raw = try control(descriptor, kKVM_CREATE_VM, "KVM_CREATE_VM", on: path)
        return VirtualMachine(
            descriptor: OwnedDescriptor(adopting: raw), vcpuLimit: limit, vcpuMappingSize: Int(mappingSize))
    }
}

extension System {
    /// Asks for a list whose length only the kernel knows: again with more room, while there is too little.
    ///
    /// - Parameters:
    ///   - empty: the structure's start.
    ///   - count: its field that tells the kernel how much room there is, and us how many elements it gave.
    func list<Header, Element>(
        _ request: UInt, _ name: StaticString, _ empty: Header, count: WritableKeyPath<Header, UInt32>
    ) throws(KVMError) -> [Element] {
        var capacity = 128
        while true {
            var header = empty
            header[keyPath: count] = UInt32(capacity)
            let list = FlexibleStructure<Header, Element>(header: header, capacity: capacity)
            do throws(KVMError) {
                try control(descriptor, request, name, list.start, on: path)
                return list.elements(list.header[keyPath: count])
            } catch {
                guard error.errno == .argListTooLong, capacity < 1 << 16 else { throw error }
                capacity *= 2
            }
        }
    }
}
