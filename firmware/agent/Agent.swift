import System

/// The agent: the host's requests, and the commands that came of them.
final class Agent: PollerClient {
    /// How long to look for a host, in milliseconds.
    private static let patience = 30_000

    let poller = Poller()
    let isInit: Bool
    private let host: Host
    private let childSignals: CInt
    private(set) var control: ControlConnection?
    private var token: [UInt8]?
    private var commands: [Command] = []
    private var mounts = Mounts()
    private var mayHaveEnded = false

    /// - Parameter childSignals: a signalfd of `SIGCHLD`.
    init(_ host: Host, isInit: Bool, childSignals: CInt) {
        self.host = host
        self.isInit = isInit
        self.childSignals = childSignals
    }

    /// Serves one host after the other, until there is none any more.
    func run() {
        poller.watch(childSignals, for: EPOLLIN, self)
        repeat {
            guard let socket = host.connect(port: Protocol.controlPort, patience: Self.patience) else {
                return say("no host takes connections")
            }
            token = nil
            let control = ControlConnection(socket, agent: self)
            self.control = control
            control.start()
            control.send(.hello, 0) {
                $0.append(number: Protocol.version)
                $0.append(contentsOf: repeatElement(0, count: Protocol.tokenSize))
                let capabilities: [StaticString] = ["terminal", "mount", "root", "limits", "copy", "network"]
                $0.append(number: UInt32(capabilities.count))
                for capability in capabilities {
                    $0.append(number: UInt32(capability.utf8CodeUnitCount))
                    $0.append(
                        contentsOf: UnsafeBufferPointer(
                            start: capability.utf8Start, count: capability.utf8CodeUnitCount))
                }
            }
            while self.control != nil {
                poller.turn()
                forgetEnded()
            }
            // A test's agent has one host.
        } while isInit
    }

    /// Ends the guest; in a test, nothing but the agent.
    func powerOff() -> Never {
        killCommands()
        guard isInit else { _exit(0) }
        PowerOff.perform(mounts)
    }

    /// The control connection has ended.
    func hostHasGone() {
        control = nil
        killCommands()
    }

    private func killCommands() {
        for command in commands {
            command.signal(UInt32(SIGKILL))
            command.discardStreams()
        }
        // Those, too, that commands left behind.
        if isInit { kill(-1, SIGKILL) }
    }

    // MARK: Requests

    func receive(_ kind: UInt16, _ id: UInt32, _ payload: UnsafeRawBufferPointer) {
        var reader = PayloadReader(payload)
        var isWellFormed = true
        guard token != nil || kind == Protocol.Kind.hello.rawValue else {
            control?.refuse(kind, id, .notBeforeHello)
            return
        }
        switch Protocol.Kind(rawValue: kind) {
        case .hello: isWellFormed = receiveHello(&reader)
        case .exec: isWellFormed = receiveExec(id, payload)
        case .mount: isWellFormed = receiveMount(id, payload, ofDisk: false)
        case .mountDisk: isWellFormed = receiveMount(id, payload, ofDisk: true)
        case .makeDirectory: isWellFormed = receiveMakeDirectory(id, payload)
        case .configureInterface:
            let request = InterfaceRequest(payload)
            isWellFormed = request != nil
            if let request { answer(id, NetworkInterfaces.configure(request)) }
        case .replaceFile:
            let request = FileRequest(payload)
            isWellFormed = request != nil
            if let request { answer(id, request.perform()) }
        case .limitProcesses:
            let number: UInt64 = reader.number()
            isWellFormed = reader.isComplete && number > 0
            if isWellFormed { answer(id, CommandGroup.limitProcesses(to: number)) }
        case .signal:
            let number: UInt32 = reader.number()
            isWellFormed = reader.isComplete && (1...64).contains(number)
            if isWellFormed { command(id)?.signal(number) }
        case .resize:
            let size = winsize(ws_row: reader.number(), ws_col: reader.number(), ws_xpixel: 0, ws_ypixel: 0)
            isWellFormed = reader.isComplete
            if isWellFormed { command(id)?.resize(size) }
        case .powerOff:
            isWellFormed = reader.isComplete
            if isWellFormed { powerOff() }
        default:
            control?.refuse(kind, id, .unknownKind)
        }
        if !isWellFormed { control?.refuse(kind, id, .malformed) }
    }

    private func command(_ id: UInt32) -> Command? {
        commands.first { $0.id == id }
    }

    private func receiveHello(_ reader: inout PayloadReader) -> Bool {
        let version: UInt32 = reader.number()
        let token = [UInt8](reader.raw(Protocol.tokenSize))
        reader.skipList()
        if reader.isValid, version != Protocol.version {
            control?.refuse(Protocol.Kind.hello.rawValue, 0, .otherVersion)
            control?.end()
            return true
        }
        guard reader.isComplete, self.token == nil else { return false }
        self.token = token
        return true
    }

    private func receiveExec(_ id: UInt32, _ payload: UnsafeRawBufferPointer) -> Bool {
        guard let request = ExecRequest(payload) else { return false }
        if command(id) != nil {
            control?.refuse(Protocol.Kind.exec.rawValue, id, .idInUse)
        } else if commands.count >= Protocol.mostCommands {
            control?.refuse(Protocol.Kind.exec.rawValue, id, .tooManyCommands)
        } else {
            let command = Command(self, id: id)
            if command.start(request) {
                commands.append(command)
                command.startStreams()
            } else {
                let error = last_error()
                command.discardStreams()
                tellFailure(id, Protocol.Step.resources.rawValue, error)
            }
        }
        return true
    }

    private func receiveMount(_ id: UInt32, _ payload: UnsafeRawBufferPointer, ofDisk: Bool) -> Bool {
        guard let request = MountRequest(payload, ofDisk: ofDisk) else { return false }
        answer(id, mounts.perform(request))
        return true
    }

    private func receiveMakeDirectory(_ id: UInt32, _ payload: UnsafeRawBufferPointer) -> Bool {
        let texts = Texts(payload: payload.count)
        var reader = PayloadReader(payload)
        let path = reader.text(into: texts)
        let mode: UInt32 = reader.number()
        guard reader.isComplete, path[0] == CChar(bitPattern: UInt8(ascii: "/")) else { return false }
        answer(id, makeDirectories(path, mode: mode & 0o7777))
        return true
    }

    /// Tells how a request went that is about no command.
    ///
    /// - Parameter error: an errno, or 0.
    private func answer(_ id: UInt32, _ error: CInt) {
        if error == 0 {
            control?.send(.done, id)
        } else {
            tellFailure(id, Protocol.Step.fileSystem.rawValue, error)
        }
    }

    // MARK: Events

    func tellFailure(_ id: UInt32, _ step: UInt32, _ errno: CInt) {
        control?.send(.failed, id) {
            $0.append(number: step)
            $0.append(number: errno)
        }
    }

    func tellStreamFailed(_ id: UInt32, _ stream: Protocol.Stream, _ errno: CInt) {
        control?.send(.streamFailed, id) {
            $0.append(number: stream.rawValue)
            $0.append(number: errno)
        }
    }

    /// Begins to open a stream's connection.
    ///
    /// - Returns: nil, with `errno` set, when it cannot be.
    func openStream(_ command: UInt32, _ stream: Protocol.Stream) -> StreamConnection? {
        let socket = host.connect(port: Protocol.streamPort)
        guard socket >= 0 else {
            set_error(-socket)
            return nil
        }
        return StreamConnection(socket, token: token ?? [], command: command, stream: stream)
    }

    /// A part of a command may have ended.
    func streamEnded() {
        mayHaveEnded = true
    }

    private func forgetEnded() {
        guard mayHaveEnded else { return }
        mayHaveEnded = false
        commands.removeAll { $0.isOver }
    }

    /// Processes have ended: commands, and orphans, which are the first process's to reap.
    override func ready(_ descriptor: CInt, _ events: CInt) {
        var signal = signalfd_siginfo()
        read(childSignals, &signal, MemoryLayout<signalfd_siginfo>.size)
        var status: CInt = 0
        var usage = rusage()
        while true {
            let pid = wait4(-1, &status, WNOHANG, &usage)
            guard pid > 0 else { break }
            commands.first { $0.pid == pid }?.ended(status, usage)
        }
        poller.arm(childSignals, for: EPOLLIN)
    }
}
