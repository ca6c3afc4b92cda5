import CLinux
import Linux
import Synchronization
import SystemPackage

/// Moves bytes between memory and an image: many requests at once by io_uring(7), or one after the other by
/// preadv(2) and pwritev(2).
///
/// A request is known by its tag, a number below `requests`, and holds it from `start` until its completion has been
/// taken. Nothing is allocated for a request. All but `init` happens on one thread, the one that calls `activate`,
/// and there the engine must also go: it then waits for what is in flight, since closing a ring would not.
public final class StorageEngine {
    public enum Mode: Sendable, CaseIterable {
        /// io_uring(7).
        case ring
        /// A system call for each request, which `start` waits for.
        case plain
    }

    public private(set) var image: RawImage
    /// Why the mode is plain although the image would better have a ring; nil where that is not so.
    public let ringFailure: SystemCallError?
    /// Requests that can be in flight.
    public let requests: Int
    /// Segments that a request can have.
    public let segmentsPerRequest: Int
    /// Requests that have been started and whose completions have not been taken.
    public private(set) var inFlight = 0

    private let isCuttingShort = Atomic(false)
    private let ring: Ring?
    private let memory: TransferMemory
    private let table: UnsafeMutablePointer<Request>
    /// What ended without the ring.
    private var ended: CompletionQueue
    private var hasQueued = false

    /// Makes an engine for an image.
    ///
    /// - Parameters:
    ///   - requests: how many can be in flight, from 1 to 32768.
    ///   - segmentsPerRequest: from 1 to 1024 (`IOV_MAX`).
    ///   - mode: nil chooses: plain where the image is in the host's memory anyway, and else a ring if there can be one.
    /// - Throws: `SystemCallError`, when `mode` is `.ring` and there is none, or memory is short.
    public init(
        image: consuming RawImage, requests: Int, segmentsPerRequest: Int, mode: Mode? = nil
    ) throws(SystemCallError) {
        memory = try TransferMemory(
            requests: requests, segmentsPerRequest: segmentsPerRequest, bouncing: image.alignment != .any)
        var ring: Ring?
        var ringFailure: SystemCallError?
        if mode == .ring || mode == nil && !image.isInMemory {
            do throws(SystemCallError) {
                ring = try Ring(entries: requests, file: image.descriptor.rawValue)
            } catch {
                if mode == .ring { throw error }
                ringFailure = error
            }
        }
        self.ring = ring
        self.ringFailure = ringFailure
        self.image = image
        self.requests = requests
        self.segmentsPerRequest = segmentsPerRequest
        table = .allocate(capacity: requests)
        ended = CompletionQueue(capacity: requests)
    }

    deinit {
        finish()
        table.deallocate()
    }

    /// Makes the calling thread the one that uses the engine.
    public func activate() throws(SystemCallError) {
        try ring?.enable()
    }

    /// What becomes readable when requests have completed; nil where `start` always completes them.
    public var descriptor: CInt? { ring?.descriptor }

    public var mode: Mode { ring == nil ? .plain : .ring }

    /// Where the segments of the request with this tag are to be listed before it is started: room for
    /// `segmentsPerRequest` of them.
    public func segments(of tag: Int) -> UnsafeMutablePointer<iovec> {
        checkTag(tag)
        return memory[tag].segments
    }

    /// Begins a request; with a ring, at the next `submit`.
    ///
    /// - Parameters:
    ///   - durable: whether changes must be durable when the request is complete.
    ///   - offset: bytes; with `count` a multiple of the image's logical block, and within the image.
    ///   - count: bytes, for transfers as many as the segments have.
    ///   - segments: how many there are in `segments(of:)`, for transfers.
    public func start(
        _ operation: Operation, tag: Int, durable: Bool = false, offset: Int = 0, count: Int = 0, segments: Int = 0
    ) {
        checkTag(tag)
        inFlight += 1
        if count == 0 && operation != .flush { return ended.append(Completion(tag: tag)) }
        (table + tag).initialize(
            to: Request(
                operation, durable: durable, offset: offset, count: count, segments: segments, memory: memory[tag],
                alignment: image.alignment))
        proceed(tag)
    }

    /// Hands what has been started to the kernel.
    public func submit() {
        guard hasQueued, let ring else { return }
        hasQueued = false
        ring.submit()
    }

    /// Takes the next completion, in no order; nil when there is none at the moment.
    public func nextCompletion() -> Completion? {
        while true {
            if let completion = ended.popFirst() {
                inFlight -= 1
                return completion
            }
            guard inFlight > 0, let ring else { return nil }
            if let (tag, result) = ring.next() {
                // Where the kernel would not wait for this call, wait for it here.
                let refused = result == -Int(EAGAIN) || result == -Int(EINTR)
                if let completion = advance(tag, by: refused ? performNow(tag) : result) {
                    inFlight -= 1
                    return completion
                }
                proceed(tag)
            } else if hasQueued {
                submit()
            } else {
                return nil
            }
        }
    }

    /// Whether requests end after the system call that they are at, with `ECANCELED` where there would be more: nobody
    /// wants them any more. Used on any thread.
    public var cutsRequestsShort: Bool {
        get { isCuttingShort.load(ordering: .relaxed) }
        set { isCuttingShort.store(newValue, ordering: .relaxed) }
    }

    /// Waits until all requests have completed, and forgets their completions.
    public func finish() {
        submit()
        while inFlight > 0 {
            if nextCompletion() == nil { ring?.wait() }
        }
    }

    /// Puts another image in place of this one, which is closed; no request may be in flight.
    ///
    /// - Parameter new: with the alignment of this one.
    /// - Throws: when the ring does not take it; the image is then the same as before.
    public func replaceImage(_ new: consuming RawImage) throws(RawImageError) {
        precondition(inFlight == 0, "The image was replaced under requests in flight")
        precondition(new.alignment == image.alignment, "The image was replaced by one with another alignment")
        do throws(SystemCallError) {
            try ring?.replace(file: new.descriptor.rawValue)
        } catch {
            throw RawImageError(path: new.path, problem: .system(error))
        }
        image = new
    }

    /// Makes the request's next system call, or queues it.
    private func proceed(_ tag: Int) {
        while true {
            if let ring, let call = table[tag].nextCall(memory[tag]) {
                ring.queue(call, tag: tag)
                hasQueued = true
                return
            }
            if let completion = advance(tag, by: performNow(tag)) { return ended.append(completion) }
        }
    }

    /// - Returns: the request's completion, if this was its last step.
    private func advance(_ tag: Int, by result: Int) -> Completion? {
        switch table[tag].advance(result, memory[tag], on: image.kind) {
        case .unfinished: cutsRequestsShort ? Completion(tag: tag, failure: .canceled) : nil
        case .finished(let failure): Completion(tag: tag, failure: failure)
        }
    }

    private func performNow(_ tag: Int) -> Int {
        if let call = table[tag].nextCall(memory[tag]) { return call.perform(on: image.descriptor.rawValue) }
        return image.discardOnDevice(offset: table[tag].offset, count: table[tag].left)
    }

    @inline(__always)
    private func checkTag(_ tag: Int) {
        precondition(tag >= 0 && tag < requests, "There is no request with this tag")
    }
}
