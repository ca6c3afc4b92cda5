import AgentImage
import Boot
import Glibc
import Linux
import MachineConfiguration

/// What a guest with an agent boots beside its kernel.
enum AgentBoot {
    /// The agent's initramfs.
    ///
    /// - Throws: `FieldError`, `KernelModulesError`, `CpioArchiveError`, `AgentBootError`.
    static func initrd(
        of configuration: VMConfiguration, _ agent: VMConfiguration.Agent, kernel: KernelImage
    ) throws -> ByteSource {
        let image = UnsafeRawBufferPointer(start: agent_image_start, count: agent_image_size)
        guard !image.isEmpty else { throw AgentBootError.noAgent }
        let modules = try FieldError.naming("/agent/modules") {
            let modules = try modulesDirectory(agent, configuration.kernel.path, kernel).map(KernelModules.init)
            return try AgentInitramfs.make(agent: Array(image), modules: wantedModules(configuration), from: modules)
        }
        return ByteSource(bytes: modules, name: "the agent's initramfs")
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

    /// Modules that a guest needs for what its configuration says.
    private static func wantedModules(_ configuration: VMConfiguration) -> [String] {
        var modules = [configuration.transport == .mmio ? "virtio_mmio" : "virtio_pci", "vmw_vsock_virtio_transport"]
        if configuration.agent?.root != nil { modules.append("overlay") }
        if configuration.agent?.root != nil || !configuration.shares.isEmpty { modules.append("virtiofs") }
        if !configuration.disks.isEmpty { modules.append("virtio_blk") }
        if !configuration.nets.isEmpty { modules.append("virtio_net") }
        if configuration.entropy { modules.append("virtio_rng") }
        if configuration.balloon != nil { modules.append("virtio_balloon") }
        if configuration.console.device == .virtio || !configuration.ports.isEmpty { modules.append("virtio_console") }
        return modules
    }
}

/// Why a guest cannot have an agent.
public enum AgentBootError: Error, Equatable, CustomStringConvertible {
    /// This program was built without one.
    case noAgent
    /// The kernel's modules are in none of these directories.
    case noModules(kernel: String, [String])

    public var description: String {
        switch self {
        case .noAgent:
            "this swiftlet was built without the guest's agent, so that it cannot run commands: build it by 'make build'"
        case .noModules(let kernel, let candidates):
            """
            the modules of the kernel \(kernel) are not at \(candidates.joined(separator: " or ")); name their \
            directory with --modules, or add kernel and modules by 'swiftlet kernel add'
            """
        }
    }
}
