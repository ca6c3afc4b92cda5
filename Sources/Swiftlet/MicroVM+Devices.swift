import ControlMessages
import MachineConfiguration

/// Changes of devices while the guest runs. Disks and network cards come and go on `transport` `.pci` only.
extension MicroVM {
    /// Plugs in a disk. Returns when the guest has been told of it.
    public func attach(_ disk: VMConfiguration.Disk) async throws {
        _ = try await call(DeviceAttach.self, DeviceAttach.Params(disk: disk))
    }

    /// Plugs in a network card. Returns when the guest has been told of it.
    ///
    /// - Parameter net: has no `fd`, as the machine's process has its descriptors from its start.
    public func attach(_ net: VMConfiguration.Net) async throws {
        guard net.fd == nil else {
            throw ControlError(
                .invalidArgument, "no descriptor can be given to a machine that runs", field: "/net/fd",
                hint: "name a tap interface, or have the card from the start")
        }
        _ = try await call(DeviceAttach.self, DeviceAttach.Params(net: net))
    }

    /// Has the guest let go of a disk or a network card, and takes it away.
    ///
    /// - Parameter timeout: how long the guest may take.
    /// - Throws: `ControlError` of kind `.timeout` when it took longer; the device then stays until the guest lets go.
    public func detach(_ id: String, timeout: Duration = .seconds(5)) async throws {
        _ = try await call(DeviceDetach.self, DeviceDetach.Params(id: id, timeout: Milliseconds(clamping: timeout)))
    }

    /// Changes a disk. With neither a path nor a limit it gets the size that its image has now.
    ///
    /// - Parameters:
    ///   - path: the file that takes the place of the present one.
    ///   - bytesPerSecond, operationsPerSecond: its limits from now on, of which 0 is none.
    public func update(
        disk id: String, path: String? = nil, bytesPerSecond: UInt64? = nil, operationsPerSecond: UInt64? = nil
    ) async throws {
        _ = try await call(
            DeviceUpdate.self,
            DeviceUpdate.Params(
                id: id, path: path, bytesPerSecond: bytesPerSecond, operationsPerSecond: operationsPerSecond))
    }

    /// Changes a network card.
    ///
    /// - Parameters:
    ///   - linkUp: whether its cable is plugged in.
    ///   - bytesPerSecond, operationsPerSecond: its limits from now on, each way, of which 0 is none.
    public func update(
        net id: String, linkUp: Bool? = nil, bytesPerSecond: UInt64? = nil, operationsPerSecond: UInt64? = nil
    ) async throws {
        _ = try await call(
            DeviceUpdate.self,
            DeviceUpdate.Params(
                id: id, linkUp: linkUp, bytesPerSecond: bytesPerSecond, operationsPerSecond: operationsPerSecond))
    }

    /// Sets how much memory the guest is to give back, all in all.
    public func update(balloonSize size: ByteSize) async throws {
        _ = try await call(DeviceUpdate.self, DeviceUpdate.Params(id: "balloon", size: size))
    }
}
