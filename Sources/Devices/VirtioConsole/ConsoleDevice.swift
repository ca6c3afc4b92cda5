import Linux
import Virtio

/// A console with any number of further ports (virtio 1.3 §5.3).
///
/// Port 0 is the console, and not there for a guest whose console is another device; the others have names. A device
/// without named ports does not offer `VIRTIO_CONSOLE_F_MULTIPORT`: the console's size is then told by the configuration
/// space, about whose order of columns and rows all kernels agree.
public final class ConsoleDevice: VirtioDevice {
    /// All ports together, port 0 among them.
    public static let mostPorts = 31

    private static let queueSize: UInt16 = 64

    private enum Feature {
        static let size = Features.bit(0)
        static let multiport = Features.bit(1)
        static let emergencyWrite = Features.bit(2)
    }

    /// Offsets in the configuration space.
    private enum Field {
        static let size = 0..<4
        static let emergencyWrite = 8..<12
    }

    /// Indices of the queues that belong to no port, or to port 0 (virtio 1.3 §5.3.2).
    private enum Queue {
        static let firstInput = 0
        static let controlToDriver = 2
        static let controlFromDriver = 3
    }

    public let statistics = TrafficStatistics()

    private let console: ConsoleLink?
    /// By number.
    private let ports: [DevicePort?]
    private var context: DeviceContext?
    private var controlToDriver: Virtqueue?
    private var controlFromDriver: Virtqueue?
    private var isMultiport = false
    /// Messages to the driver that found no buffer yet: at most one of each event for each port.
    private var unsent: [ControlMessage] = []
    private var size: [UInt8] = [0, 0, 0, 0]

    /// - Parameters:
    ///   - console: port 0; nil for none.
    ///   - ports: with their names, `mostPorts` - 1 at most.
    public init(console: ConsoleLink?, ports: [(name: String, peer: any PortPeer)]) {
        self.console = console
        let statistics = self.statistics
        self.ports =
            [console.map { DevicePort(name: nil, peer: $0, statistics) }]
            + ports.prefix(Self.mostPorts - 1).map { DevicePort(name: $0.name, peer: $0.peer, statistics) }
    }

    public var description: DeviceDescription {
        var features: Features = []
        if console != nil { features.formUnion([Feature.size, Feature.emergencyWrite]) }
        if ports.count > 1 { features.insert(Feature.multiport) }
        let queueCount = ports.count > 1 ? 2 * ports.count + 2 : 2
        return DeviceDescription(
            type: .console, features: features, queueSizes: .init(repeating: Self.queueSize, count: queueCount),
            configuration: size + [UInt8(ports.count), 0, 0, 0] + [0, 0, 0, 0], writable: Field.emergencyWrite)
    }

    public func attach(_ context: DeviceContext) throws(SystemCallError) {
        self.context = context
        for (number, port) in ports.enumerated() {
            try port?.peer.attach(to: context.loop) { [unowned self] in peerChanged(number) }
        }
    }

    public func activate(_ activation: Activation) {
        isMultiport = activation.features.contains(Feature.multiport)
        let queues = activation.queues
        for (number, port) in ports.enumerated() where number == 0 || isMultiport {
            let index = Self.inputQueue(of: number)
            port?.activate(input: queues[index], output: queues[index + 1])
        }
        if isMultiport {
            controlToDriver = queues[Queue.controlToDriver]
            controlFromDriver = queues[Queue.controlFromDriver]
        } else {
            ports[0]?.state.isOpenInGuest = true
            // Linux 6.1 looks at the size only when it is told of a change.
            if console != nil { context?.updateConfiguration { _ in } }
        }
    }

    public func queueNotified(_ index: Int) throws(QueueError) {
        switch index {
        case Queue.controlToDriver: try send()
        case Queue.controlFromDriver: try receive()
        default:
            let number = index < Queue.controlToDriver ? 0 : index / 2 - 1
            if index.isMultiple(of: 2) { try moveInput(number) } else { try moveOutput(number) }
        }
    }

    public func configurationWritten(_ bytes: [UInt8], at offset: Int) {
        if offset == Field.emergencyWrite.lowerBound, let byte = bytes.first { console?.writeEmergency(byte) }
    }

    public func reset(_ done: @escaping @Sendable () -> Void) {
        for port in ports { port?.reset() }
        controlToDriver = nil
        controlFromDriver = nil
        unsent = []
        done()
    }

    public func close() {
        for port in ports { port?.peer.close() }
    }

    /// Tells the guest how large its console is.
    public func resize(columns: UInt16, rows: UInt16) {
        size = [columns, rows].flatMap { value in withUnsafeBytes(of: value.littleEndian) { Array($0) } }
        context?.updateConfiguration { [size] in $0.replaceSubrange(Field.size, with: size) }
        guard let port = ports[0], port.state.isReady else { return }
        attempt { () throws(QueueError) in try tell(.init(port: 0, event: ControlMessage.Event.resize, payload: size)) }
    }

    // MARK: Ports

    private static func inputQueue(of port: Int) -> Int { port == 0 ? Queue.firstInput : 2 * port + 2 }

    private func moveInput(_ number: Int) throws(QueueError) {
        if try ports[number]?.moveInput() == true { context?.notifyAgain(Self.inputQueue(of: number)) }
    }

    private func moveOutput(_ number: Int) throws(QueueError) {
        if try ports[number]?.moveOutput() == true { context?.notifyAgain(Self.inputQueue(of: number) + 1) }
    }

    private func peerChanged(_ number: Int) {
        attempt { () throws(QueueError) in
            // What a peer says is between the news that it has come and the news that it has gone.
            if ports[number]?.peer.isConnected == true { try tellWhetherConnected(number) }
            try moveInput(number)
            try moveOutput(number)
            try tellWhetherConnected(number)
        }
    }

    /// Does what may turn out to be too much for the driver's queues, if they can be used.
    private func attempt(_ body: () throws(QueueError) -> Void) {
        guard let context, context.isActive else { return }
        do throws(QueueError) { try body() } catch { context.fail(error) }
    }

    // MARK: Control messages

    private func tellWhetherConnected(_ number: Int) throws(QueueError) {
        guard let port = ports[number], port.state.isReady, port.state.isOpenOnHost != port.peer.isConnected else {
            return
        }
        port.state.isOpenOnHost = port.peer.isConnected
        try tell(
            .init(
                port: UInt32(number), event: ControlMessage.Event.portOpen, value: port.state.isOpenOnHost ? 1 : 0))
    }

    private func tell(_ message: ControlMessage) throws(QueueError) {
        unsent.removeAll { $0.port == message.port && $0.event == message.event }
        unsent.append(message)
        try send()
    }

    /// Sends as many messages as the driver has provided buffers for.
    private func send() throws(QueueError) {
        guard let queue = controlToDriver else { return }
        let isCut = try queue.drain { chain throws(QueueError) in
            guard let message = unsent.first else { return false }
            guard chain.writable.byteCount >= ControlMessage.headerSize else {
                throw .malformed("a buffer of \(chain.writable.byteCount) bytes for a control message")
            }
            let written = message.bytes.withUnsafeBytes { chain.writable.write($0) }
            queue.complete(head: chain.head, written: written)
            unsent.removeFirst()
            return true
        }
        if isCut { context?.notifyAgain(Queue.controlToDriver) }
    }

    private func receive() throws(QueueError) {
        guard let queue = controlFromDriver else { return }
        let isCut = try queue.drain { chain throws(QueueError) in
            try serve(try ControlMessage(chain.readable))
            queue.complete(head: chain.head, written: 0)
            return true
        }
        if isCut { context?.notifyAgain(Queue.controlFromDriver) }
    }

    /// What makes no sense is ignored, as is news of a port that is not there.
    private func serve(_ message: ControlMessage) throws(QueueError) {
        if message.event == ControlMessage.Event.deviceReady {
            if message.value == 1 { try addPorts() }
            return
        }
        let number = Int(message.port)
        guard number < ports.count, let port = ports[number] else { return }
        switch message.event {
        case ControlMessage.Event.portReady where message.value == 1:
            try introduce(port, number)
        case ControlMessage.Event.portOpen:
            port.state.isOpenInGuest = message.value != 0
            try moveInput(number)
        default:
            break
        }
    }

    private func addPorts() throws(QueueError) {
        for (number, port) in ports.enumerated() where port != nil {
            try tell(.init(port: UInt32(number), event: ControlMessage.Event.portAdd))
        }
    }

    /// Says what there is to know about a port that the driver has made ready.
    private func introduce(_ port: DevicePort, _ number: Int) throws(QueueError) {
        port.state.isReady = true
        port.state.isOpenOnHost = false
        if let name = port.name {
            try tell(.init(port: UInt32(number), event: ControlMessage.Event.portName, payload: Array(name.utf8)))
        } else {
            try tell(.init(port: UInt32(number), event: ControlMessage.Event.consolePort))
            try tell(.init(port: UInt32(number), event: ControlMessage.Event.resize, payload: size))
        }
        try tellWhetherConnected(number)
    }
}
