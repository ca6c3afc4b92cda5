import Devices
import Linux
import MachineConfiguration
import Storage

/// A disk of a machine, for whoever runs the machine. Changes are made by the thread that serves the disk, which calls
/// `done` with the reason when there was none; it is not called when the machine ends first, or the disk was detached.
public struct DiskHandle: Sendable {
    /// As configured.
    public let id: String
    private let isReadOnly: Bool
    private let isDirect: Bool
    private let device: LoopConfined<BlockDevice>

    init(_ disk: VMConfiguration.Disk, device: LoopConfined<BlockDevice>) {
        id = disk.id
        isReadOnly = disk.readOnly ?? false
        isDirect = disk.direct ?? false
        self.device = device
    }

    /// Puts limits in place of those there are, as the configuration has them; nil for none.
    public func setLimits(bytesPerSecond: UInt64?, operationsPerSecond: UInt64?) {
        device.perform {
            $0.setLimits(bytesPerSecond: bytesPerSecond, operationsPerSecond: operationsPerSecond)
        }
    }

    /// Has the disk take over the size that its image has now.
    public func resize(_ done: @escaping @Sendable (RawImageError?) -> Void) {
        device.perform { device in
            do throws(RawImageError) {
                try device.resize()
                done(nil)
            } catch {
                done(error)
            }
        }
    }

    /// Puts another image in the disk, once no request is in flight.
    public func replaceImage(path: String, _ done: @escaping @Sendable (RawImageError?) -> Void) {
        device.perform { [isReadOnly, isDirect] device in
            do throws(RawImageError) {
                let image = try RawImage(path: path, readOnly: isReadOnly, direct: isDirect)
                device.replaceImage(with: image, done)
            } catch {
                done(error)
            }
        }
    }
}
