import Agent
import ArgumentParser
import CLinux
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
            || configuration.disks.contains { $0.readOnly != true }
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
        request.environment = Self.environment(command.env, user: command.user)
        (request.uid, request.gid) = (command.user?.uid ?? 0, command.user?.gid ?? 0)
        request.directory = Array((command.workdir ?? Self.presentDirectory(in: agent)).utf8)
        self.configuration = configuration
        self.origin = origin
    }

    private static func environment(_ given: [String], user: UserOption?) -> [[UInt8]] {
        var variables = [
            Array("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".utf8),
            Array("HOME=\(user?.uid ?? 0 == 0 ? "/root" : "/")".utf8),
        ]
        for variable in given {
            let name = Array(variable.utf8.prefix { $0 != UInt8(ascii: "=") } + "=".utf8)
            variables.removeAll { $0.starts(with: name) }
            if name.count <= variable.utf8.count {
                variables.append(Array(variable.utf8))
            } else if let value = getenv(variable) {
                variables.append(name + UnsafeRawBufferPointer(start: value, count: strlen(value)))
            }
        }
        return variables
    }

    /// Directories of the host that the guest has others in place of.
    private static let ownDirectories = ["/dev", "/proc", "/run", "/sys", "/tmp"]

    /// The working directory, where the guest has it, too: its root is the host's, and no mount is in between.
    private static func presentDirectory(in agent: VMConfiguration.Agent) -> String {
        guard agent.root == "/", let working = getcwd(nil, 0) else { return "" }
        defer { free(working) }
        let path = String(cString: working)
        guard path.hasPrefix("/"), !ownDirectories.contains(where: { path == $0 || path.hasPrefix("\($0)/") }) else {
            return ""
        }
        let root = open("/", O_PATH | O_CLOEXEC)
        defer { close(root) }
        let flags = UInt64(UInt32(bitPattern: O_PATH | O_DIRECTORY | O_CLOEXEC))
        let found = open_beneath(
            root, path == "/" ? "." : String(path.dropFirst()), flags, 0, UInt64(RESOLVE_BENEATH | RESOLVE_NO_XDEV))
        guard found >= 0 else { return "" }
        close(found)
        return path
    }
}
