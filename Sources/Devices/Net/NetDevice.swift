import Linux
import MachineConfiguration
import Network
import Virtio

/// A network card (virtio 1.3 §5.1). Frames go straight between the guest's memory and the back end.
public final class NetDevice: VirtioDevice {
    public struct Options: Sendable {
        public var mac: MACAddress
        /// A limit on the bytes of frames a second, in each direction; nil for none.
        public var bytesPerSecond: UInt64?

        public init(mac: MACAddress, bytesPerSecond: UInt64? = nil) {
            self.mac = mac
            self.bytesPerSecond = bytesPerSecond
        }
    }

    /// Guest-visible, besides what all devices have.
    struct State: Codable {
        var filter: ReceiveFilter
        /// Pairs of queues in use, from the first.
        var activePairs = 1
        /// Whether the machine's owner wants the link up.
        var isLinkWanted = true
    }

    public let statistics = TrafficStatistics()

    private let backend: any NetworkBackend
    private let options: Options
    private let receiveLimiter: FrameLimiter
    private let transmitLimiter: FrameLimiter
    private var state: State
    private var context: DeviceContext?
    private var pairs: [NetQueuePair] = []
    private var control: Virtqueue?
    private var controlIndex = 0
    private var features: Features = []
    private var isActive = false
    private var hasEnded = false

    private static let queueSize: UInt16 = 256
    /// The frame's own overhead: addresses, type and a VLAN tag.
    private static let frameOverhead = 18
    private static let usualMTU: UInt16 = 1500

    public init(_ backend: any NetworkBackend, _ options: Options) {
        self.backend = backend
        self.options = options
        receiveLimiter = FrameLimiter(bytesPerSecond: options.bytesPerSecond)
        transmitLimiter = FrameLimiter(bytesPerSecond: options.bytesPerSecond)
        state = State(filter: ReceiveFilter(mac: options.mac))
    }

    public var description: DeviceDescription {
        let channelCount = backend.channels.count
        var configuration = NetConfigurationSpace.make(mac: options.mac, queuePairs: channelCount, mtu: backend.mtu)
        NetConfigurationSpace.setLink(up: state.isLinkWanted, in: &configuration)
        return DeviceDescription(
            type: .net,
            features: NetFeatures.offered(
                backend.offloads, channelCount: channelCount, hasMTU: backend.mtu != nil),
            queueSizes: [UInt16](repeating: Self.queueSize, count: 2 * channelCount + 1),
            configuration: configuration, dependencies: NetFeatures.dependencies,
            // The first transmit queue; others come into use only by a guest with several processors.
            polledQueues: 1..<2)
    }

    public func attach(_ context: DeviceContext) {
        self.context = context
        pairs = backend.channels.map { channel in
            NetQueuePair(
                channel,
                receiver: NetReceiver(
                    channel, queueSize: Self.queueSize, counters: statistics, limiter: receiveLimiter,
                    accepts: { [unowned self] in state.filter.accepts($0) }),
                transmitter: NetTransmitter(channel, counters: statistics, limiter: transmitLimiter),
                loop: context.loop, closed: { [unowned self] in backendEnded() },
                failed: { [unowned self] error in
                    deactivate()
                    context.fail(error)
                })
        }
        backend.setCarrier(up: false)
    }

    public func activate(_ activation: Activation) throws(QueueError) {
        features = activation.features
        state.filter = ReceiveFilter(mac: state.filter.mac)
        // Without the feature there is one pair, and the control queue comes right after it (virtio 1.3 §5.1.2).
        let usedPairs = features.contains(NetFeatures.multiQueue) ? pairs.count : 1
        controlIndex = 2 * usedPairs
        control = features.contains(NetFeatures.controlQueue) ? activation.queues[controlIndex] : nil
        isActive = true
        setReceiveOffloads(NetFeatures.guestOffloads(in: features))
        for (index, pair) in pairs.prefix(usedPairs).enumerated() {
            do throws(SystemCallError) {
                try pair.start(
                    receive: activation.queues[2 * index], transmit: activation.queues[2 * index + 1],
                    mergesBuffers: features.contains(NetFeatures.mergeableBuffers))
            } catch {
                deactivate()
                throw .malformed("a network back end that the host cannot watch")
            }
        }
        setActivePairs(1)
        applyLink()
    }

    public func queueNotified(_ index: Int) throws(QueueError) {
        if index == controlIndex, control != nil {
            do throws(QueueError) {
                try serveControl()
            } catch {
                deactivate()
                throw error
            }
        } else if index / 2 < pairs.count {
            let pair = pairs[index / 2]
            if index.isMultiple(of: 2) { pair.receiveQueueNotified() } else { pair.transmitQueueNotified() }
        }
    }

    public func reset(_ done: @escaping @Sendable () -> Void) {
        deactivate()
        if state.filter.mac != options.mac { setMAC(options.mac) }
        done()
    }

    /// Lets go of the queues.
    private func deactivate() {
        isActive = false
        for pair in pairs { pair.stop() }
        control = nil
        backend.setCarrier(up: false)
    }

    // MARK: Limits

    /// Puts this limit in place of the one there is, as `Options` has it; what waits for its time goes on.
    public func setLimit(bytesPerSecond: UInt64?) {
        receiveLimiter.setRate(bytesPerSecond)
        transmitLimiter.setRate(bytesPerSecond)
        for pair in pairs { pair.limitsChanged() }
    }

    // MARK: Link

    /// Plugs the cable in or out.
    public func setLink(up: Bool) {
        guard up != state.isLinkWanted else { return }
        state.isLinkWanted = up
        applyLink()
        showLink()
    }

    private var isLinkUp: Bool { state.isLinkWanted && !hasEnded }

    private func applyLink() {
        backend.setCarrier(up: isActive && isLinkUp)
        for (index, pair) in pairs.enumerated() {
            pair.transmitter.isLinkUp = isLinkUp
            pair.isReceiving = isActive && isLinkUp && index < state.activePairs
        }
    }

    private func showLink() {
        context?.updateConfiguration { NetConfigurationSpace.setLink(up: isLinkUp, in: &$0) }
    }

    private func backendEnded() {
        guard !hasEnded else { return }
        hasEnded = true
        context?.report("\(backend.end()); the guest's link is down")
        applyLink()
        showLink()
    }

    // MARK: Control

    private func serveControl() throws(QueueError) {
        guard let control else { return }
        let isCut = try control.drain { chain throws(QueueError) in
            guard let answer = chain.writable.removeLastByte() else {
                throw .malformed("a control command without room for its answer")
            }
            let command = NetControlCommand(&chain.readable, features: features)
            answer.pointee = (command.map(apply) ?? .error).rawValue
            control.complete(head: chain.head, written: 1)
            return true
        }
        if isCut { context?.notifyAgain(controlIndex) }
    }

    private func apply(_ command: NetControlCommand) -> NetControlCommand.Answer {
        switch command {
        case .setPromiscuous(let on): state.filter.isPromiscuous = on
        case .setAllGroups(let on): state.filter.allowsAllGroups = on
        case .setTables(let stations, let groups): state.filter.setTables(stations: stations, groups: groups)
        case .setMAC(let mac): setMAC(mac)
        case .setQueuePairs(let count):
            guard (1...pairs.count).contains(Int(count)) else { return .error }
            setActivePairs(Int(count))
            applyLink()
        case .setGuestOffloads(let wanted):
            guard let offloads = NetFeatures.guestOffloads(wanted, accepted: features) else { return .error }
            setReceiveOffloads(offloads)
        }
        return .ok
    }

    private func setMAC(_ mac: MACAddress) {
        state.filter.mac = mac
        context?.updateConfiguration { NetConfigurationSpace.setMAC(mac, in: &$0) }
    }

    private func setActivePairs(_ count: Int) {
        state.activePairs = count
        backend.setChannelCount(count)
    }

    private func setReceiveOffloads(_ offloads: Offloads) {
        backend.setReceiveOffloads(offloads)
        let joinsSegments = !offloads.isDisjoint(with: [.tcp4, .tcp6, .udp])
        let mtu = Int(max(backend.mtu ?? 0, Self.usualMTU))
        for pair in pairs {
            pair.receiver.expectFrames(of: joinsSegments ? Frame.greatestLength : mtu + Self.frameOverhead)
        }
    }
}
