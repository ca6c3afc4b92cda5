import System

// swiftlet-agent: the first process of a guest, which runs commands for the host.
//
//     swiftlet-agent PATH    as an ordinary process, for tests: the host's ports are the Unix sockets PATH_PORT, no file
//                            system is mounted, and power-off is the end of the process

@c
func main(count: CInt, arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
    let isInit = getpid() == 1
    guard isInit || count == 2 else {
        say("this is the first process of a guest, and of no use elsewhere")
        return 2
    }
    // Descriptors of its own must not become 0, 1 or 2.
    while (0...2).contains(open_null()) {}
    var all = sigset_t()
    sigfillset(&all)
    sigprocmask(SIG_BLOCK, &all, nil)
    var ofChildren = sigset_t()
    sigemptyset(&ofChildren)
    sigaddset(&ofChildren, SIGCHLD)
    let childSignals = signalfd(-1, &ofChildren, SFD_CLOEXEC | SFD_NONBLOCK)

    if isInit { Preparation.perform() }
    let agent = Agent(Host(path: isInit ? nil : arguments[1]), isInit: isInit, childSignals: childSignals)
    agent.run()
    agent.powerOff()
}
