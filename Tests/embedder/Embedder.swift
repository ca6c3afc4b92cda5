import Foundation
import ProcessTable
import Swiftlet

/// A program with machines, for tests of what these leave behind, and of commands in them: `embedder TASK KERNEL …` prints what
/// came of it, numbers with spaces between them where nothing else is said.
@main
enum Embedder {
    static func main() async throws {
        let arguments = CommandLine.arguments
        var configuration = VMConfiguration(kernel: .init(path: arguments[2]))
        configuration.memory = ByteSize(bytes: 64 << 20)
        switch arguments[1] {
        case "cycles": try await runCycles(configuration, count: Int(arguments[3]) ?? 0)
        case "unread": try await leaveUnread(configuration, arguments[3] == "holds" ? .holdsGuest : .dropsOldest)
        case "die": try await die(configuration, forking: arguments[3] == "forking")
        case "commands": try await GuestCommands.run(configuration, append: arguments[3])
        default: exit(2)
        }
    }

    /// Prints how many descriptors and threads there are more after many machines than after some, and how many children.
    private static func runCycles(_ configuration: VMConfiguration, count: Int) async throws {
        var ended: [MicroVM] = []
        for index in 0..<6 { try await cycle(configuration, index, &ended) }
        let (descriptors, threads) = (ProcessTable.openDescriptors, ProcessTable.threads)
        for index in 0..<count { try await cycle(configuration, index, &ended) }
        print(
            ProcessTable.openDescriptors - descriptors, ProcessTable.threads - threads, ProcessTable.children.count)
        withExtendedLifetime(ended) {}
    }

    /// - Parameter ended: machines that are held beyond their end.
    private static func cycle(_ configuration: VMConfiguration, _ index: Int, _ ended: inout [MicroVM]) async throws {
        switch index % 3 {
        case 0:
            let vm = try await MicroVM.start(configuration)
            try await vm.kill()
            ended.append(vm)
        case 1: try await withMicroVM(configuration) { _ in }
        default:
            let vm = try await MicroVM.start(configuration)
            for await event in vm.events {
                if case .exited = event { break }
                try await vm.stop(grace: .zero)
            }
        }
    }

    /// Prints how many bytes the process has grown by while nobody read the console, and by requests after that.
    private static func leaveUnread(_ configuration: VMConfiguration, _ unread: MicroVM.UnreadConsole) async throws {
        try await withMicroVM(configuration) { vm in _ = try await vm.stats() }
        let before = ProcessTable.privateMemory
        try await withMicroVM(configuration, unreadConsole: unread) { vm in
            // So much comes within that time, unless the host is slow.
            let end = ContinuousClock.now + .seconds(unread == .holdsGuest ? 3 : 20)
            while ContinuousClock.now < end, vm.console.lostCount < 2 << 20 {
                try await Task.sleep(for: .milliseconds(20))
            }
            let middle = ProcessTable.privateMemory
            for _ in 0..<200 { _ = try await vm.stats() }
            print(middle - before, ProcessTable.privateMemory - middle)
        }
    }

    /// Prints the numbers of a machine's process and of a child that holds the same descriptors, or 0 for none, and dies.
    private static func die(_ configuration: VMConfiguration, forking: Bool) async throws {
        let vm = try await MicroVM.start(configuration)
        print(vm.pid, forking ? fork() : 0)
        fflush(nil)
        kill(getpid(), SIGKILL)
    }

    /// fork(2), which Swift does not offer, as a child may do little more than this one.
    private static func fork() -> pid_t {
        typealias Fork = @convention(c) () -> pid_t
        guard let address = dlsym(nil, "fork") else { return -1 }
        let child = unsafeBitCast(address, to: Fork.self)()
        if child == 0 {
            sleep(600)
            _exit(0)
        }
        return child
    }
}
