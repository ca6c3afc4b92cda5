import CLinux
import Foundation
import Storage
import Testing

/// A file that is removed when its owner goes.
final class TemporaryImage {
    let path: String

    init(bytes: [UInt8], in directory: String = FileManager.default.temporaryDirectory.path) throws {
        path = directory + "/swiftlet-storage-tests." + UUID().uuidString
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    deinit { unlink(path) }

    var contents: [UInt8] { (try? [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))) ?? [] }

    /// Bytes that the file takes on its file system.
    var allocated: Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_blocks) * 512 : -1
    }
}

/// A way to run an engine, and where its image lies.
struct Setting: CustomTestStringConvertible {
    let mode: StorageEngine.Mode
    let directory: String
    let direct: Bool

    var testDescription: String { "\(mode), \(direct ? "direct, " : "")\(directory)" }

    static let all: [Setting] = StorageEngine.Mode.allCases.flatMap { mode in
        [
            Setting(mode: mode, directory: FileManager.default.temporaryDirectory.path, direct: false),
            Setting(mode: mode, directory: FileManager.default.temporaryDirectory.path, direct: true),
            Setting(mode: mode, directory: "/dev/shm", direct: false),
        ]
    }

    func image(bytes: [UInt8]) throws -> TemporaryImage { try TemporaryImage(bytes: bytes, in: directory) }

    func engine(_ path: String, requests: Int = 8, segments: Int = 8) throws -> StorageEngine {
        let engine = try StorageEngine(
            image: RawImage(path: path, direct: direct), requests: requests, segmentsPerRequest: segments, mode: mode)
        try engine.activate()
        return engine
    }
}

/// Memory for transfers, on a page's boundary.
final class Buffer {
    let bytes: UnsafeMutableRawBufferPointer

    init(_ contents: [UInt8]) {
        bytes = .allocate(byteCount: max(contents.count, 1), alignment: 4096)
        bytes.copyBytes(from: contents)
    }

    convenience init(zeroes count: Int) { self.init([UInt8](repeating: 0, count: count)) }

    deinit { bytes.deallocate() }

    var contents: [UInt8] { [UInt8](bytes) }
}

extension StorageEngine {
    /// Lists `lengths` bytes each of `buffer`, one after the other, as a request's segments.
    ///
    /// - Returns: their bytes.
    func list(_ buffer: UnsafeMutableRawBufferPointer, _ lengths: [Int], tag: Int) -> Int {
        var offset = 0
        for (index, length) in lengths.enumerated() {
            segments(of: tag)[index] = iovec(iov_base: buffer.baseAddress.map { $0 + offset }, iov_len: length)
            offset += length
        }
        return offset
    }

    func transfer(
        _ operation: Storage.Operation, _ buffer: UnsafeMutableRawBufferPointer, _ lengths: [Int]? = nil, tag: Int = 0,
        durable: Bool = false, at offset: Int
    ) {
        let lengths = lengths ?? [buffer.count]
        let count = list(buffer, lengths, tag: tag)
        start(operation, tag: tag, durable: durable, offset: offset, count: count, segments: lengths.count)
    }

    /// Takes all completions, waiting for them as an event loop does.
    func completeAll() -> [Completion] {
        submit()
        var completions: [Completion] = []
        while inFlight > 0 {
            if let completion = nextCompletion() {
                completions.append(completion)
            } else if let descriptor {
                var member = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&member, 1, 5000) == 1 else { return completions }
            } else {
                return completions
            }
        }
        return completions
    }
}

func randomBytes(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
        if let start = buffer.baseAddress { arc4random_buf(start, count) }
        initializedCount = count
    }
}
