import CLinux
import Glibc
import Linux
import SystemPackage
import Virtio

/// A port's peer that appends the guest's output to a file, and has no input.
public final class FilePeer: PortPeer {
    private let path: String
    private let file: OwnedDescriptor
    private let report: @Sendable (String) -> Void
    private var loop: EventLoop?
    private var changed: () -> Void = {}

    /// Whether the file could be written to until now; afterwards output is dropped.
    public private(set) var isConnected = true

    /// - Parameters:
    ///   - path: of a plain file, which is made, with mode 0600, unless it is there.
    ///   - report: is told in a sentence when the file cannot be written to any more.
    /// - Throws: `EINVAL` for another kind of file.
    public init(path: String, report: @escaping @Sendable (String) -> Void) throws(SystemCallError) {
        self.path = path
        self.report = report
        // Without waiting for the other end of a pipe, which is then refused.
        file = try OwnedDescriptor.open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, mode: 0o600)
        guard try file.status().st_mode & S_IFMT == S_IFREG else {
            throw SystemCallError("open", on: path, errno: .invalidArgument)
        }
    }

    public func attach(to loop: EventLoop, changed: @escaping () -> Void) {
        self.loop = loop
        self.changed = changed
    }

    public func write(_ output: SegmentList) -> Int {
        var rest = output
        while isConnected, rest.byteCount > 0 {
            do throws(SystemCallError) {
                let segments = rest.segments
                let count = try systemCall("writev", on: path) {
                    writev(file.rawValue, segments.baseAddress, CInt(clamping: segments.count))
                }
                rest.removeFirst(count)
            } catch {
                isConnected = false
                report("\(error); further output of the guest's port is lost")
                loop?.defer { [weak self] in self?.changed() }
            }
        }
        return output.byteCount
    }

    public func read(into input: SegmentList) -> Int { 0 }
}
