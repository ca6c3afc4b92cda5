import ControlMessages
import MachineConfiguration

extension MicroVM {
    /// Gives a disk the size that its image has now, or another image.
    ///
    /// - Parameter path: the file that takes the place of the present one.
    public func update(disk id: String, path: String? = nil) async throws {
        _ = try await call(DeviceUpdate.self, DeviceUpdate.Params(id: id, path: path))
    }

    /// Plugs a network card's cable in or out.
    public func update(net id: String, linkUp: Bool) async throws {
        _ = try await call(DeviceUpdate.self, DeviceUpdate.Params(id: id, linkUp: linkUp))
    }

    /// Sets how much memory the guest is to give back, all in all.
    public func update(balloonSize size: ByteSize) async throws {
        _ = try await call(DeviceUpdate.self, DeviceUpdate.Params(id: "balloon", size: size))
    }
}
