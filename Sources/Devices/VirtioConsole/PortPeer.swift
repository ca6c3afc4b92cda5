import Linux
import Virtio

/// The host's side of a port: where a guest's output goes and its input comes from. It belongs to its device's loop.
public protocol PortPeer: AnyObject {
    /// Whether there is anybody on the host to talk to.
    var isConnected: Bool { get }

    /// Begins to work, before the loop starts.
    ///
    /// - Parameter changed: to be called on the loop's thread, and not from within `write` or `read`, when there is new
    ///   input, when there is room for output again, and when `isConnected` has changed.
    func attach(to loop: EventLoop, changed: @escaping () -> Void) throws(SystemCallError)

    /// Takes output of the guest, as far as there is room.
    ///
    /// - Returns: how many bytes. When it is not all of them, `changed` is called once there is room again.
    func write(_ output: SegmentList) -> Int

    /// Puts input into a buffer of the guest, which has room.
    ///
    /// - Returns: how many bytes; 0 when there is none, and `changed` is called once there is some.
    func read(into input: SegmentList) -> Int

    /// The machine is at its end: gives up what others on the host know the port by.
    func close()
}

extension PortPeer {
    public func close() {}
}
