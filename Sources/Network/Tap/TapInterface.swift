import CLinux
import Glibc
import Linux
import SystemPackage

/// A tap: a network interface of the host whose cable ends in this process.
public final class TapInterface: NetworkBackend {
    public let name: String
    public let channels: [FrameChannel]
    public let offloads: Offloads
    public let mtu: UInt16?
    private let queues: [TapQueue]
    private var attachedCount: Int

    private static let modeFlags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
    /// As the kernel has for interfaces of Ethernet, unless told otherwise.
    private static let usualMTU: CInt = 1500

    /// Attaches to an existing interface, or creates one that lasts as long as this object does, where we may.
    ///
    /// - Parameters:
    ///   - queues: how many frames can be under way at once; more than 1 need a multi-queue interface.
    ///   - mtu: what the interface's MTU shall be; nil leaves it as it is.
    public convenience init(name: String, queues count: Int = 1, mtu: UInt16? = nil) throws(TapError) {
        guard Self.isPossible(name) else { throw .name(name) }
        var queues: [TapQueue] = []
        for _ in 0..<max(count, 1) { queues.append(TapQueue(descriptor: try Self.open(name, isMulti: count > 1))) }
        if let mtu {
            do {
                if try TapControl.mtu(of: name) != CInt(mtu) { try TapControl.setMTU(mtu, of: name) }
            } catch {
                throw .mtu(name, wanted: mtu, error)
            }
            try self.init(name: name, queues: queues, mtu: mtu)
        } else {
            let mtu = (try? TapControl.mtu(of: name)) ?? Self.usualMTU
            try self.init(name: name, queues: queues, mtu: mtu == Self.usualMTU ? nil : UInt16(exactly: mtu))
        }
    }

    /// Takes over a descriptor that somebody else has attached to an interface.
    ///
    /// - Parameter mtu: what to tell the guest; the interface, which may be out of our reach, is left as it is.
    public convenience init(descriptor number: CInt, mtu: UInt16? = nil) throws(TapError) {
        let interface: (name: String, flags: CInt)
        do {
            interface = try TapControl.interface(of: number)
        } catch {
            throw .descriptor(
                number, problem: error.errno == .badFileDescriptor ? "it is not open" : "it is not that of a tap")
        }
        guard interface.flags & Self.modeFlags == Self.modeFlags else {
            throw .descriptor(number, problem: "its interface '\(interface.name)' is in another mode")
        }
        let descriptor = OwnedDescriptor(adopting: number)
        do {
            try systemCall("fcntl(F_SETFD)") { fcntl(number, F_SETFD, FD_CLOEXEC) }
            try systemCall("fcntl(F_SETFL)") { fcntl(number, F_SETFL, O_RDWR | O_NONBLOCK) }
        } catch {
            throw .system(interface.name, error)
        }
        try self.init(name: interface.name, queues: [TapQueue(descriptor: descriptor)], mtu: mtu)
    }

    private init(name: String, queues: [TapQueue], mtu: UInt16?) throws(TapError) {
        self.name = name
        self.queues = queues
        self.mtu = mtu
        channels = queues.map { .tap($0) }
        attachedCount = queues.count
        let first = queues[0].descriptor.rawValue
        do {
            try TapControl.setHeaderLength(Frame.headerLength, of: first)
            let all: Offloads = [.checksum, .tcp4, .tcp6, .udp]
            // A kernel before 6.2 refuses what it does not know.
            offloads = (try? TapControl.setOffloads(all, of: first)) == nil ? all.subtracting(.udp) : all
            try TapControl.setOffloads([], of: first)
        } catch {
            throw .system(name, error)
        }
    }

    /// Whether there is an interface of this name, of whatever kind.
    public static func exists(_ name: String) -> Bool { TapControl.exists(name) }

    /// Whether the host uses the interface; also where that cannot be told.
    public var isUp: Bool { (try? TapControl.isUp(name)) ?? true }

    private static func isPossible(_ name: String) -> Bool {
        (1...TapControl.longestName).contains(name.utf8.count) && name != "." && name != ".."
            && name.utf8.allSatisfy { $0 > UInt8(ascii: " ") && $0 != 0x7F && !":/%".utf8.contains($0) }
    }

    private static func open(_ name: String, isMulti: Bool) throws(TapError) -> OwnedDescriptor {
        let descriptor: OwnedDescriptor
        do {
            descriptor = try OwnedDescriptor.open(TapControl.device, O_RDWR | O_NONBLOCK)
        } catch {
            throw .unavailable(error)
        }
        // An interface made for several queues takes no other attachment.
        let existing = TapControl.existingFlags(of: name)
        let flags = modeFlags | (isMulti || (existing ?? 0) & IFF_MULTI_QUEUE != 0 ? IFF_MULTI_QUEUE : 0)
        do {
            try TapControl.attach(descriptor.rawValue, to: name, flags: flags)
        } catch {
            switch error.errno {
            case .notPermitted, .permissionDenied: throw .notPermitted(name)
            case .resourceBusy: throw .busy(name)
            case .invalidArgument where existing.map { $0 & IFF_TAP != 0 } ?? false: throw .singleQueue(name)
            case .invalidArgument where TapControl.exists(name): throw .notTap(name)
            default: throw .system(name, error)
            }
        }
        return descriptor
    }

    public func setReceiveOffloads(_ offloads: Offloads) {
        // It offers no more than it took at first, so that it cannot fail for a tap that is still there.
        try? TapControl.setOffloads(offloads.intersection(self.offloads), of: queues[0].descriptor.rawValue)
    }

    public func setCarrier(up: Bool) {
        // Kernels before 5.0 have no such request: their interface then looks up all the time.
        try? TapControl.setCarrier(up: up, of: queues[0].descriptor.rawValue)
    }

    public func setChannelCount(_ count: Int) {
        let wanted = min(max(count, 1), queues.count)
        // Fails only for a tap that was removed, which the queues find out as well.
        for index in min(wanted, attachedCount)..<max(wanted, attachedCount) {
            try? TapControl.setQueue(attached: wanted > attachedCount, of: queues[index].descriptor.rawValue)
        }
        attachedCount = wanted
    }

    public func end() -> String {
        "the tap '\(name)' was removed"
    }
}
