import CLinux
import Linux
import Storage
import SystemPackage
import Virtio

/// A disk: a raw image behind virtio 1.3 §5.2.
///
/// Requests of all queues go to one storage engine, under tags of which there is one for each entry of each queue: a
/// request allocates nothing, and none has to wait for a tag.
public final class BlockDevice: VirtioDevice {
    /// Bytes of requests that are begun together at most before the driver gets those that are complete: it can then
    /// go on while others are served.
    private static let portion = 128 << 10

    public let statistics = TrafficStatistics()

    private let engine: StorageEngine
    private let settings: BlockSettings
    private let identity: [UInt8]
    private var rules: BlockRules
    private var requests: BlockRequestTable
    private var limiter: RateLimiter?
    private var limitTimer: TimerQueue.ID?
    private var context: DeviceContext?
    private var queues: [Virtqueue?] = []
    private var isEngineActive = false
    /// Whether the driver wants a cache that it flushes itself.
    private var hasWriteback = true
    /// What waits until no request is in flight; as long as there is any, no more requests are taken.
    private var whenIdle: [() -> Void] = []
    private var nextImage: RawImage?
    private var hasReported = false

    /// - Throws: `RawImageError`, when the image's size cannot be told or there is no memory for requests.
    public init(image: consuming RawImage, _ settings: BlockSettings) throws(RawImageError) {
        self.settings = settings
        identity = settings.identity
        rules = BlockRules(
            capacity: try image.size().visible, blockSize: UInt64(image.alignment.logicalBlock),
            isReadOnly: image.isReadOnly, features: [])
        let count = settings.queueCount * Int(settings.queueSize)
        requests = BlockRequestTable(count: count)
        limiter = RateLimiter(
            bytesPerSecond: settings.bytesPerSecond, operationsPerSecond: settings.operationsPerSecond,
            now: monotonicNanoseconds())
        let path = image.path
        do throws(SystemCallError) {
            engine = try StorageEngine(
                image: image, requests: count, segmentsPerRequest: Int(settings.queueSize), mode: settings.engineMode)
        } catch {
            throw RawImageError(path: path, problem: .system(error))
        }
    }

    /// Why the disk has to do without io_uring; nil where it has it, or does not need it.
    public var ringFailure: SystemCallError? { engine.ringFailure }

    // MARK: VirtioDevice

    public var description: DeviceDescription {
        var features: Features = [
            BlockFeature.segmentMaximum, BlockFeature.blockSize, BlockFeature.flush, BlockFeature.topology,
            BlockFeature.writebackConfiguration,
        ]
        features.formUnion(rules.isReadOnly ? BlockFeature.readOnly : [BlockFeature.discard, BlockFeature.writeZeroes])
        if settings.queueCount > 1 { features.insert(BlockFeature.multipleQueues) }
        return DeviceDescription(
            type: .block, features: features,
            queueSizes: [UInt16](repeating: settings.queueSize, count: settings.queueCount),
            configuration: BlockConfigurationSpace.bytes(
                capacity: rules.capacity, alignment: engine.image.alignment, physicalBlock: engine.image.physicalBlock,
                // Two descriptors are for the header and the status.
                segments: max(Int(settings.queueSize) - 2, 1), queues: settings.queueCount),
            writable: BlockConfigurationSpace.writeback..<(BlockConfigurationSpace.writeback + 1),
            // Who cannot flush has no cache to write back (virtio 1.3 §5.2.5.2).
            featuresSettled: { $1[BlockConfigurationSpace.writeback] = $0.contains(BlockFeature.flush) ? 1 : 0 },
            polledQueues: 0..<settings.queueCount)
    }

    public func attach(_ context: DeviceContext) throws(SystemCallError) {
        self.context = context
        if let descriptor = engine.descriptor {
            try context.loop.watch(descriptor, for: .readable) { [unowned self] _ in takeCompletions() }
            context.loop.add(self)
        }
    }

    public func close() {
        context?.loop.remove(self)
    }

    public func activate(_ activation: Activation) throws(QueueError) {
        if !isEngineActive {
            do throws(SystemCallError) {
                try engine.activate()
            } catch {
                throw .malformed("requests that the host cannot serve: \(error)")
            }
            isEngineActive = true
        }
        rules.features = activation.features
        queues = activation.queues
    }

    public func queueNotified(_ index: Int) throws(QueueError) {
        guard index < queues.count, let queue = queues[index] else { return }
        let isCut: Bool
        var begun = 0
        do throws(QueueError) {
            isCut = try queue.drain { chain throws(QueueError) in
                guard mayBegin() else { return false }
                begun += try begin(&chain, of: queue, index)
                if begun >= Self.portion {
                    begun = 0
                    engine.submit()
                    takeCompletions()
                }
                return true
            }
        } catch {
            // The driver's queues are not touched any more; what has begun must end all the same.
            queues = []
            engine.submit()
            throw error
        }
        engine.submit()
        takeCompletions()
        if isCut { context?.notifyAgain(index) }
    }

    /// virtio 1.3 §5.2.6.2, on `writeback`.
    public func configurationWritten(_ bytes: [UInt8], at offset: Int) {
        if let value = bytes.first { hasWriteback = value != 0 }
    }

    public func reset(_ done: @escaping @Sendable () -> Void) {
        queues = []
        limitTimer.map { context?.loop.cancel($0) }
        limitTimer = nil
        if !hasWriteback {
            hasWriteback = true
            context?.updateConfiguration { $0[BlockConfigurationSpace.writeback] = 1 }
        }
        performWhenIdle { [engine] in
            engine.cutsRequestsShort = false
            done()
        }
    }

    public func prepareReset() {
        engine.cutsRequestsShort = true
    }

    // MARK: Changes while it is in use, on the loop's thread

    /// Takes over the size that the image has now, and tells the driver.
    public func resize() throws(RawImageError) {
        setCapacity(try engine.image.size().visible)
    }

    /// Puts another image in place of this one as soon as no request is in flight, and tells the driver its size.
    ///
    /// - Parameters:
    ///   - image: with the alignment and the mode of access of this one, which the driver knows.
    ///   - done: is told why there was no change; nil where there was.
    public func replaceImage(with image: consuming RawImage, _ done: @escaping (RawImageError?) -> Void) {
        guard nextImage == nil else { return done(RawImageError(path: image.path, problem: .anotherIsNext)) }
        guard image.alignment == engine.image.alignment, image.isReadOnly == engine.image.isReadOnly else {
            return done(RawImageError(path: image.path, problem: .differentAccess))
        }
        nextImage = consume image
        performWhenIdle { [unowned self] in
            guard let image = nextImage.take() else { return }
            do throws(RawImageError) {
                let size = try image.size().visible
                try engine.replaceImage(image)
                setCapacity(size)
                done(nil)
            } catch {
                done(error)
            }
        }
    }

    /// Puts these limits in place of those there are, as `BlockSettings` has them; what waits for its time goes on.
    public func setLimits(bytesPerSecond: UInt64?, operationsPerSecond: UInt64?) {
        limiter = RateLimiter(
            bytesPerSecond: bytesPerSecond, operationsPerSecond: operationsPerSecond, now: monotonicNanoseconds(),
            after: limiter)
        guard let timer = limitTimer.take() else { return }
        context?.loop.cancel(timer)
        serveAll()
    }

    private func setCapacity(_ capacity: UInt64) {
        rules.capacity = capacity
        context?.updateConfiguration { BlockConfigurationSpace.setCapacity(capacity, in: &$0) }
    }

    // MARK: Requests

    /// Serves all queues, which for some time were not.
    private func serveAll() {
        for index in queues.indices { context?.notifyAgain(index) }
    }

    /// Begins the request that the chain is, or ends it at once.
    ///
    /// - Returns: how many bytes it moves.
    /// - Throws: where the chain is none.
    private func begin(_ chain: inout DescriptorChain, of queue: Virtqueue, _ index: Int) throws(QueueError) -> Int {
        guard let tag = requests.nextTag else { throw .tooManyInFlight }
        guard let status = chain.writable.removeLastByte() else {
            throw .malformed("a block request without a place for its status")
        }
        let command = try rules.command(of: &chain, ranges: requests.ranges(of: tag))
        limiter?.take(bytes: command.byteCount, at: monotonicNanoseconds())
        let request = BlockRequest(
            queue: index, head: chain.head, status: status, dataCount: chain.writable.byteCount,
            writtenCount: command.writtenCount, rangeCount: command.rangeCount)
        switch command {
        case .transfer(let operation, let offset, let count):
            let data = operation == .read ? chain.writable : chain.readable
            data.copySegments(to: engine.segments(of: tag))
            requests.insert(request)
            engine.start(
                operation, tag: tag, durable: isWritethrough, offset: offset, count: count, segments: data.count)
        case .flush:
            requests.insert(request)
            engine.start(.flush, tag: tag)
        case .changeRanges:
            requests.insert(request)
            beginNextRange(of: tag)
        case .identify:
            identity.withUnsafeBytes { _ = chain.writable.write($0) }
            end(request, .ok, on: queue)
        case .refuse(let status): end(request, status, on: queue)
        }
        return command.byteCount
    }

    /// Whether a request may begin now; otherwise all queues are served again once one may.
    private func mayBegin() -> Bool {
        guard whenIdle.isEmpty, limitTimer == nil, !engine.cutsRequestsShort else { return false }
        guard let delay = limiter?.delay(at: monotonicNanoseconds()), delay > 0 else { return true }
        limitTimer = context?.loop.schedule(after: delay) { [unowned self] in
            limitTimer = nil
            serveAll()
        }
        return false
    }

    /// Whether writes must be durable when they are complete (virtio 1.3 §5.2.6.2).
    var isWritethrough: Bool { !hasWriteback || !rules.features.contains(BlockFeature.flush) }

    private func beginNextRange(of tag: Int) {
        let range = requests.ranges(of: tag)[requests[tag].rangesBegun]
        requests[tag].rangesBegun += 1
        engine.start(
            range.operation, tag: tag, durable: isWritethrough, offset: range.offset, count: range.count)
    }

    private func takeCompletions() {
        while let completion = engine.nextCompletion() {
            let request = requests[completion.tag]
            let isReset = request.queue >= queues.count
            if completion.failure == nil, request.rangesBegun < request.rangeCount, !isReset {
                beginNextRange(of: completion.tag)
                continue
            }
            requests.remove(completion.tag)
            if let failure = completion.failure, failure != .canceled { report(failure) }
            if !isReset, let queue = queues[request.queue] {
                end(request, BlockStatus(completion.failure), on: queue)
            }
        }
        for queue in queues { queue?.publish() }
        guard engine.inFlight == 0, !whenIdle.isEmpty else { return }
        let jobs = whenIdle
        whenIdle = []
        for job in jobs { job() }
        serveAll()
    }

    /// Says once in the disk's life why a guest was given an error: it may cause any number of them.
    private func report(_ failure: Errno) {
        if !hasReported { context?.report("the guest was given an I/O error: \(engine.image.path): \(failure)") }
        hasReported = true
    }

    private func end(_ request: BlockRequest, _ status: BlockStatus, on queue: Virtqueue) {
        count(request, status)
        request.status.pointee = status.rawValue
        // The bytes from the start that were surely written, with the status if it follows them (virtio 1.3 §2.7.8.2).
        let written = status == .ok || request.dataCount == 0 ? request.dataCount + 1 : 0
        queue.complete(head: request.head, written: written)
    }

    private func count(_ request: BlockRequest, _ status: BlockStatus) {
        switch (request.dataCount > 0, status) {
        case (true, .ok): statistics.toGuest.count(bytes: request.dataCount)
        case (true, _): statistics.toGuest.countError()
        case (false, .ok): statistics.fromGuest.count(bytes: request.writtenCount)
        case (false, _): statistics.fromGuest.countError()
        }
    }

    public func performWhenIdle(_ job: @escaping () -> Void) {
        whenIdle.append(job)
        takeCompletions()
    }
}

/// While the disk is busy, completions are looked for in the ring, which is faster than to be told of them.
extension BlockDevice: Polled {
    public func poll() -> Bool {
        let before = engine.inFlight
        if before > 0 { takeCompletions() }
        return engine.inFlight != before
    }

    /// The ring's descriptor tells of completions anyway.
    public func prepareToSleep() -> Bool { true }
}
