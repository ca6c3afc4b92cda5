import CLinux
import Glibc
import Linux
import Synchronization

/// posix_spawn(3), one decision at a time.
final class Launch {
    /// Held while descriptors are open that no program may inherit, and while one starts.
    static let lock = Mutex(())

    /// `POSIX_SPAWN_SETSID`, which Swift's Glibc module leaves out.
    private static let newSession: Int16 = 0x80

    private var actions = posix_spawn_file_actions_t()
    private var attributes = posix_spawnattr_t()
    /// The ends of pipes that belong to the program.
    private var given: [CInt] = []

    init() {
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK) | Self.newSession)
    }

    deinit {
        posix_spawn_file_actions_destroy(&actions)
        posix_spawnattr_destroy(&attributes)
        for descriptor in given { Glibc.close(descriptor) }
    }

    /// A pipe whose reading end is the program's `descriptor`.
    ///
    /// - Returns: the writing end.
    func pipe(to descriptor: CInt) throws -> OwnedDescriptor {
        let (reading, writing) = try makePipe()
        give(reading, as: descriptor)
        return OwnedDescriptor(adopting: writing)
    }

    /// A pipe whose writing end is the program's `descriptor`.
    ///
    /// - Returns: the reading end.
    func pipe(from descriptor: CInt) throws -> OwnedDescriptor {
        let (reading, writing) = try makePipe()
        give(writing, as: descriptor)
        return OwnedDescriptor(adopting: reading)
    }

    /// The program opens `path` itself: a terminal becomes the one that its session belongs to.
    func open(_ path: String, _ flags: CInt, as descriptor: CInt) {
        posix_spawn_file_actions_addopen(&actions, descriptor, path, flags, 0)
    }

    func close(_ descriptor: CInt) {
        posix_spawn_file_actions_addclose(&actions, descriptor)
    }

    func start(_ program: String, _ arguments: [String]) throws -> pid_t {
        var list = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for argument in list { free(argument) } }
        var process: pid_t = 0
        let result = Self.lock.withLock { _ in
            posix_spawn(&process, program, &actions, &attributes, &list, Glibc.environ)
        }
        guard result == 0 else { throw SystemCallError("posix_spawn", on: program, errno: .init(rawValue: result)) }
        for descriptor in given { Glibc.close(descriptor) }
        given = []
        return process
    }

    private func makePipe() throws -> (reading: CInt, writing: CInt) {
        var ends: [CInt] = [-1, -1]
        try systemCall("pipe2") { pipe2(&ends, O_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private func give(_ own: CInt, as descriptor: CInt) {
        posix_spawn_file_actions_adddup2(&actions, own, descriptor)
        given.append(own)
    }
}
