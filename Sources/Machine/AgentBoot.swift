import AgentImage
import Boot
import Glibc
import GuestRoot
import Linux
import MachineConfiguration

/// What a guest with an agent boots beside its kernel.
enum AgentBoot {
    /// What the kernel is to be told where the initramfs has an archive's files: by default it gives half of what is free
    /// with the initramfs still there to what it unpacks from that (Linux `init/do_mounts.c`).
    static let archiveParameters = "rootfstype=ramfs"

    /// The agent's initramfs, in which the files of a root that is an archive are, too.
    ///
    /// - Parameter root: what the root of commands is.
    /// - Throws: `FieldError`, `KernelModulesError`, `CpioArchiveError`, `AgentBootError`.
    static func initrd(
        of configuration: VMConfiguration, _ agent: VMConfiguration.Agent, root: RootSource?, kernel: KernelImage
    ) throws -> ByteSource {
        let image = UnsafeRawBufferPointer(start: agent_image_start, count: agent_image_size)
        guard !image.isEmpty else { throw AgentBootError.noAgent }
        let initramfs = try FieldError.naming("/agent/modules") {
            let modules = try modulesDirectory(agent, configuration.kernel.path, kernel).map(KernelModules.init)
            let wanted = wantedModules(configuration, root).filter {
                $0.isNeeded || modules?.hasFile(of: $0.name) == true
            }
            return try AgentInitramfs.make(agent: Array(image), modules: wanted.map(\.name), from: modules)
        }
        if root == .archive, let path = agent.root {
            return try FieldError.naming("/agent/root") {
                try unpack(path, after: initramfs, memorySize: configuration.memory.bytes)
            }
        }
        return ByteSource(bytes: initramfs, name: "the agent's initramfs")
    }

    private static func unpack(_ path: String, after initramfs: [UInt8], memorySize: UInt64) throws -> ByteSource {
        let memory = ArchiveMemory(size: memorySize)
        do {
            return try ArchiveRoot.initramfs(
                of: path, below: VMConfiguration.Agent.archiveDirectory, after: initramfs, limit: memory.initramfsLimit)
        } catch {
            guard case .tooLarge(let size) = error.problem else { throw error }
            throw AgentBootError.rootTooLarge(path, memory: memorySize, needed: ArchiveMemory(initramfs: size).size)
        }
    }

    private static func modulesDirectory(
        _ agent: VMConfiguration.Agent, _ kernelPath: String, _ kernel: KernelImage
    ) throws -> String? {
        if let given = agent.modules { return given.isEmpty ? nil : given }
        let beside = kernelPath.lastIndex(of: "/").map { "\(kernelPath[...$0])modules" } ?? "modules"
        let candidates = [beside] + (kernel.release.map { ["/lib/modules/\($0)"] } ?? [])
        guard let found = candidates.first(where: { access($0, R_OK | X_OK) == 0 }) else {
            throw AgentBootError.noModules(kernel: kernelPath, candidates)
        }
        return found
    }

    /// Modules that a guest needs for what its configuration says, and those that it has to have where there are any.
    private static func wantedModules(
        _ configuration: VMConfiguration, _ root: RootSource?
    ) -> [(name: String, isNeeded: Bool)] {
        var modules = [configuration.transport == .mmio ? "virtio_mmio" : "virtio_pci", "vmw_vsock_virtio_transport"]
        var images: [FileSystemImage] = []
        if case .image(let image) = root { images.append(image) }
        if configuration.agent?.keep != nil { images.append(FileSystemImage(.ext)) }
        if root != nil { modules.append("overlay") }
        if root == .directory || !configuration.shares.isEmpty { modules.append("virtiofs") }
        if !images.isEmpty || !configuration.disks.isEmpty { modules.append("virtio_blk") }
        if !configuration.nets.isEmpty { modules.append("virtio_net") }
        if configuration.entropy { modules.append("virtio_rng") }
        if configuration.balloon != nil { modules.append("virtio_balloon") }
        if configuration.console.device == .virtio || !configuration.ports.isEmpty { modules.append("virtio_console") }
        return images.flatMap(\.modulesIfThere).map { ($0, false) }
            + (modules + images.flatMap(\.modules)).map { ($0, true) }
    }
}

/// How a guest's memory is divided where its root is in there.
struct ArchiveMemory {
    /// Of the guest, in bytes.
    let size: UInt64

    /// What the kernel takes of any memory, and room for a command to begin with.
    private static let reserve: UInt64 = 96 << 20
    /// A page of memory has a descriptor of 64 bytes, and the kernel some tables more.
    private static let descriptorShare: UInt64 = 32

    init(size: UInt64) {
        self.size = size
    }

    /// The least, in whole mebibytes, that has room for an initramfs of so many bytes.
    init(initramfs: UInt64) {
        let needed = (Self.reserve &+ min(initramfs, 1 << 48) * 2) / (Self.descriptorShare - 1) * Self.descriptorShare
        size = (needed + Self.descriptorShare + 1 << 20) & ~(1 << 20 - 1)
    }

    /// The most bytes of an initramfs, of which there are two copies while the kernel unpacks it.
    var initramfsLimit: Int {
        let rest = size - size / Self.descriptorShare
        return Int(clamping: (rest - min(Self.reserve, rest)) / 2)
    }
}

/// Why a guest cannot have an agent.
public enum AgentBootError: Error, Equatable, CustomStringConvertible {
    /// This program was built without one.
    case noAgent
    /// The kernel's modules are in none of these directories.
    case noModules(kernel: String, [String])
    /// The files of an archive do not fit into the guest's memory, but into so much, both in bytes.
    case rootTooLarge(String, memory: UInt64, needed: UInt64)

    public var description: String {
        switch self {
        case .noAgent:
            "this swiftlet was built without the guest's agent, so that it cannot run commands: build it by 'make build'"
        case .noModules(let kernel, let candidates):
            """
            the modules of the kernel \(kernel) are not at \(candidates.joined(separator: " or ")); name their \
            directory with --modules, or add kernel and modules by 'swiftlet kernel add'
            """
        case .rootTooLarge(let archive, let memory, let needed):
            """
            \(archive): its files are too many for the guest's \(memory >> 20)M of memory, into which they are unpacked; give \
            it \(needed >> 20)M at least with --memory, or put the files into a directory or an image and give that
            """
        }
    }
}
