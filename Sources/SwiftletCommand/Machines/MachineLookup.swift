import Control
import Linux
import RuntimeDirectory

/// Finds the user's machines that run.
enum MachineLookup {
    static var directory: RuntimeDirectory { RuntimeDirectory(path: UserDirectories.runtime) }

    /// - Throws: `MachineLookupError`.
    static func find(_ name: String) throws -> MachineEntry {
        guard let entry = try directory.machine(named: name) else {
            throw MachineLookupError(name: name, present: try directory.machines().map(\.name))
        }
        return entry
    }

    /// A client of the machine's.
    static func connect(to entry: MachineEntry, on loop: EventLoop) throws -> ControlClient {
        try ControlClient(to: entry.socket, on: loop)
    }
}

/// There is no such machine.
struct MachineLookupError: Error, CustomStringConvertible {
    let name: String
    let present: [String]

    var description: String {
        let others =
            present.isEmpty
            ? "none does; 'swiftlet run' starts one" : "those that do are \(present.joined(separator: ", "))"
        return "no machine '\(name)' of yours runs: \(others)"
    }
}
