/// What a network device is connected to on the host.
public protocol NetworkBackend: AnyObject {
    /// One for each pair of queues; the first is always in use.
    var channels: [FrameChannel] { get }
    /// What may be left undone on frames in both directions.
    var offloads: Offloads { get }
    /// Bytes of the largest packet on the link; nil for the 1500 that are usual.
    var mtu: UInt16? { get }

    /// Says what may be left undone on frames that are received from now on.
    func setReceiveOffloads(_ offloads: Offloads)
    /// Says whether the guest's end of the link is up.
    func setCarrier(up: Bool)
    /// Says that frames should come through the first `count` channels only.
    func setChannelCount(_ count: Int)
    /// Ends what there is to end once a channel has closed.
    ///
    /// - Returns: what happened, in words.
    func end() -> String
}
