import CLinux
import Linux
import MachineConfiguration
import SystemPackage
import Virtio

/// A directory of the host for the guest to mount: virtio 1.3 §5.11, with the FUSE server in this process.
public final class ShareDevice: VirtioDevice {
    /// The high-priority queue, and one for requests.
    private static let queueCount = 2
    /// Room for the largest request, a page a buffer, with its headers (`FUSENegotiation.pages`).
    private static let queueSize: UInt16 = 512

    public let statistics = TrafficStatistics()

    private let tag: String
    private let server: FileServer
    private let workers: ShareWorkers
    private var context: DeviceContext?
    private var watch: EventLoop.Watch?
    private var queues: [Virtqueue?] = []
    /// Requests with the workers.
    private var inFlight = 0
    /// What waits until there are none; as long as there is any, no more requests are taken.
    private var whenIdle: [() -> Void] = []

    /// - Parameter path: the directory.
    /// - Throws: `ShareError`.
    public init(path: String, _ settings: ShareSettings) throws(ShareError) {
        tag = settings.tag
        let half = max(settings.descriptorLimit / 2, 32)
        let server = try FileServer(
            path: path, readOnly: settings.isReadOnly,
            // Nobody needs a descriptor for each of a million files, while these are open files of the host's as well.
            .init(nodes: settings.nodeLimit, nodeDescriptors: min(half, 4096), handles: min(half, 16384)))
        self.server = server
        do throws(SystemCallError) {
            workers = try ShareWorkers(name: "share") { server.serve($0) }
        } catch {
            throw ShareError(path: path, problem: .system(error))
        }
    }

    // MARK: VirtioDevice

    public var description: DeviceDescription {
        DeviceDescription(
            type: .fileSystem, queueSizes: [UInt16](repeating: Self.queueSize, count: Self.queueCount),
            configuration: configuration)
    }

    /// `virtio_fs_config`: the tag, padded with zeros, and the number of request queues (virtio 1.3 §5.11.4).
    private var configuration: [UInt8] {
        let text = tag.utf8.prefix(VMConfiguration.Share.longestTag)
        let padding = [UInt8](repeating: 0, count: VMConfiguration.Share.longestTag - text.count)
        return text + padding + withUnsafeBytes(of: UInt32(Self.queueCount - 1).littleEndian) { Array($0) }
    }

    public func attach(_ context: DeviceContext) throws(SystemCallError) {
        self.context = context
        watch = try context.loop.watch(workers.event.descriptor.rawValue, for: .readable) { [unowned self] _ in
            workers.event.drain()
            takeDone()
        }
    }

    public func activate(_ activation: Activation) {
        queues = activation.queues
    }

    public func queueNotified(_ index: Int) throws(QueueError) {
        guard index < queues.count, let queue = queues[index] else { return }
        let isCut: Bool
        do throws(QueueError) {
            isCut = try queue.drain { chain throws(QueueError) in
                guard whenIdle.isEmpty else { return false }
                let request = try ShareRequest(chain, queue: index)
                inFlight += 1
                do throws(SystemCallError) {
                    try workers.submit(request)
                } catch {
                    throw .malformed("requests that the host cannot serve: \(error)")
                }
                return true
            }
        } catch {
            queues = []
            throw error
        }
        if isCut { context?.notifyAgain(index) }
    }

    public func reset(_ done: @escaping @Sendable () -> Void) {
        queues = []
        inFlight -= workers.cancelWaiting()
        performWhenIdle { [server] in
            server.reset()
            done()
        }
    }

    public func performWhenIdle(_ job: @escaping () -> Void) {
        whenIdle.append(job)
        runIdleJobs()
    }

    public func close() {
        watch.map { context?.loop.remove($0) }
        workers.stop()
    }

    // MARK: Replies

    private func takeDone() {
        for request in workers.takeDone() {
            inFlight -= 1
            count(request)
            guard request.queue < queues.count, let queue = queues[request.queue] else { continue }
            queue.complete(head: request.head, written: request.written)
        }
        for queue in queues { queue?.publish() }
        runIdleJobs()
    }

    private func runIdleJobs() {
        guard inFlight == 0, !whenIdle.isEmpty else { return }
        let jobs = whenIdle
        whenIdle = []
        for job in jobs { job() }
        for index in queues.indices { context?.notifyAgain(index) }
    }

    private func count(_ request: ShareRequest) {
        switch request.transfer {
        case .toGuest(let count): statistics.toGuest.count(bytes: count)
        case .fromGuest(let count): statistics.fromGuest.count(bytes: count)
        case .failed(toGuest: true): statistics.toGuest.countError()
        case .failed(toGuest: false): statistics.fromGuest.countError()
        // It moves nothing, and is a request all the same.
        case nil: statistics.fromGuest.count(bytes: 0)
        }
    }
}
