import Agent
import ArgumentParser
import Devices
import Glibc
import MachineConfiguration

/// What `swiftlet run` with a command makes of its options: a machine with an agent, and what that is to run.
struct CommandPlan {
    let configuration: VMConfiguration
    let origin: ConfigurationOrigin
    var request: CommandRequest

    /// Whether the guest may have something to write back at its end.
    var savesState: Bool {
        configuration.shares.contains { $0.readOnly == false }
            || configuration.disks.contains { $0.readOnly != true } || configuration.agent?.keep != nil
    }

    /// - Parameter words: the command and its arguments.
    /// - Throws: what is wrong with the options.
    init(_ options: RunCommand.Options, _ words: [[UInt8]]) throws {
        var (configuration, origin) = try options.machine.configuration()
        let command = options.command
        var agent = configuration.agent ?? VMConfiguration.Agent()
        func override<Value>(_ field: WritableKeyPath<VMConfiguration.Agent, Value?>, _ name: String, _ value: Value?) {
            guard let value else { return }
            agent[keyPath: field] = value
            origin.note("/agent/\(name)")
        }
        override(\.root, "root", command.root)
        override(\.keep, "keep", command.keep)
        override(\.modules, "modules", command.modules.map { $0 == "none" ? "" : $0 })
        override(\.diskSize, "diskSize", command.diskSize)
        override(\.processes, "processes", command.pids)
        if agent.root == nil { agent.root = "/" }
        configuration.agent = agent
        for index in configuration.shares.indices where configuration.shares[index].mountPoint == nil {
            // Of an option: what a guest without an agent mounts itself is a directory here.
            guard origin.isGiven("/shares/\(index)") else { continue }
            configuration.shares[index].mountPoint = configuration.shares[index].tag
            configuration.shares[index].tag = "share-\(index)"
        }
        if !options.verbose {
            configuration.kernel.append = ["quiet", configuration.kernel.append ?? ""].joined(separator: " ")
        }

        request = CommandRequest(words)
        request.environment = command.process.environment
        (request.uid, request.gid) = (command.process.user?.uid ?? 0, command.process.user?.gid ?? 0)
        if command.process.wantsTerminal { request.terminal = .init(rows: 24, columns: 80) }
        request.directory = Array((command.process.workdir ?? Self.presentDirectory(in: agent)).utf8)
        self.configuration = configuration
        self.origin = origin
    }

    /// Directories of the host that the guest has others in place of.
    private static let ownDirectories = ["/dev", "/proc", "/run", "/sys", "/tmp"]

    /// The working directory, where the guest has it, too: its root is the host's, and shows what is mounted there.
    private static func presentDirectory(in agent: VMConfiguration.Agent) -> String {
        guard agent.root == "/", let working = getcwd(nil, 0) else { return "" }
        defer { free(working) }
        let path = String(cString: working)
        guard path.hasPrefix("/"), !ownDirectories.contains(where: { path == $0 || path.hasPrefix("\($0)/") }) else {
            return ""
        }
        return SharedPath.isReachable(path, in: "/") ? path : ""
    }
}
