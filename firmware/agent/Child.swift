import System

/// The child's ends of pipes or a terminal, until it has been started.
struct ChildDescriptors {
    enum End {
        case reading
        case writing
    }

    var input: CInt = -1
    var output: CInt = -1
    var errors: CInt = -1
    var report: CInt = -1
    var hasTerminal = false
    /// To be closed in the agent.
    private var all: [CInt] = []

    /// Makes a pipe, the agent's end of which does not block, and the other of which is the child's.
    ///
    /// - Returns: nil, with `errno` set, when there is none to be had.
    mutating func pipe(nonblocking end: End) -> (reading: CInt, writing: CInt)? {
        var ends: (CInt, CInt) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &ends) {
            pipe2($0.assumingMemoryBound(to: CInt.self).baseAddress!, O_CLOEXEC)
        }
        guard result == 0 else { return nil }
        _ = set_nonblocking(end == .reading ? ends.0 : ends.1)
        all.append(end == .reading ? ends.1 : ends.0)
        return (ends.0, ends.1)
    }

    mutating func owned(_ descriptor: CInt) -> CInt {
        if descriptor >= 0 { all.append(descriptor) }
        return descriptor
    }

    func closeAll() {
        for descriptor in all { close(descriptor) }
    }
}

/// What a child writes that cannot become its program.
struct ChildFailure {
    var step: UInt32 = 0
    var errno: CInt = 0
}

/// The child's part of starting a command: everything between fork(2) and execve(2).
func becomeProgram(_ request: ExecRequest, _ descriptors: ChildDescriptors, isInit: Bool) -> Never {
    func fail(_ step: Protocol.Step, _ errno: CInt) -> Never {
        var failure = ChildFailure(step: step.rawValue, errno: errno)
        write(descriptors.report, &failure, MemoryLayout<ChildFailure>.size)
        _exit(127)
    }
    func check(_ result: CInt, _ step: Protocol.Step) {
        if result != 0 { fail(step, last_error()) }
    }

    if isInit { Protection.leave() }
    setsid()
    if descriptors.hasTerminal { _ = control(descriptors.input, CInt(TIOCSCTTY), nil) }
    // The agent has 0, 1 and 2 itself, so none of these is among them.
    for (number, descriptor) in [descriptors.input, descriptors.output, descriptors.errors].enumerated() {
        if dup2(descriptor, CInt(number)) < 0 { fail(.resources, last_error()) }
    }
    for signal in 1...64 as ClosedRange<CInt> { reset_signal(signal) }
    var none = sigset_t()
    sigemptyset(&none)
    sigprocmask(SIG_SETMASK, &none, nil)
    umask(0o022)
    for limit in request.limits { check(limit_resource(limit.resource, limit.soft, limit.hard), .limit) }
    if request.root[0] != 0 { check(chroot(request.root), .root) }
    check(chdir(text("/")), .root)
    if geteuid() == 0 || !request.groups.isEmpty { check(setgroups(request.groups.count, request.groups), .user) }
    check(setgid(request.gid), .user)
    check(setuid(request.uid), .user)
    if request.directory[0] != 0 { check(chdir(request.directory), .directory) }
    if let copy = request.copy { perform(copy, request.arguments) }
    fail(.execution, execute(request.arguments, environment: request.environment))
}
