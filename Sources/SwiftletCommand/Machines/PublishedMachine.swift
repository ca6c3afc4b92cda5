import Control
import Glibc
import Linux
import Machine
import MachineConfiguration
import RuntimeDirectory
import Worker

/// This process's machine, as the user's other processes find it: for `swiftlet ps`, `exec` and their kin.
final class PublishedMachine {
    /// How long clients may take to read how the machine ended.
    private static let lastWordsGrace: UInt64 = 500_000_000

    private let loop: EventLoop
    private let server: MachineServer
    /// Before the entry in this order, so that the socket goes first.
    private let acceptor: Acceptor
    private let entry: OwnEntry

    /// - Parameters:
    ///   - name: nil for one that is free.
    ///   - command: what it runs; empty for nothing in particular.
    private init(
        _ machine: Machine, _ configuration: VMConfiguration, name: String?, command: [String],
        history: ConsoleHistory, on loop: EventLoop, owner: MachineServer.Owner
    ) throws {
        self.loop = loop
        let record = MachineRecord(
            pid: getpid(), started: Int64(time(nil)), cpus: configuration.cpus, memory: configuration.memory.bytes,
            command: command)
        entry = try OwnEntry(named: name ?? "\(getpid())", in: RuntimeDirectory(path: UserDirectories.runtime), record)
        let listener = try UnixListener(path: entry.socket)
        server = try MachineServer(
            machine, configuration, history: history, on: loop, version: Swiftlet.configuration.version, owner: owner)
        acceptor = Acceptor(listener, on: loop) { [server] in server.accept($0) }
        try acceptor.start()
    }

    /// Makes the machine known.
    ///
    /// - Parameter name: what the user calls it; without, a machine that cannot be known to others just runs.
    /// - Returns: nil for that one.
    static func publish(
        _ machine: Machine, _ configuration: VMConfiguration, name: String?, command: [String],
        history: ConsoleHistory, on loop: EventLoop, owner: MachineServer.Owner, isVerbose: Bool
    ) throws -> PublishedMachine? {
        do {
            return try PublishedMachine(
                machine, configuration, name: name, command: command, history: history, on: loop, owner: owner)
        } catch {
            if name != nil { throw error }
            if isVerbose { standardError.write("swiftlet: 'swiftlet ps' will not show this machine: \(error)\n") }
            return nil
        }
    }

    /// To be told of the guest's agent.
    func agentChanged(_ event: Worker.Event) {
        server.agentChanged(event)
    }

    /// Tells clients how the machine ended; its agent has been let go, and its console has ended.
    func finish(_ outcome: Outcome) {
        server.finish(outcome)
        var isOver = false
        loop.schedule(after: Self.lastWordsGrace) { isOver = true }
        while !isOver, !server.isIdle { loop.turn(waiting: true) }
    }
}
