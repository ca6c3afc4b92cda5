import CLinux
import SystemPackage
import Testing

@testable import Storage

/// The state machine of a request, against a kernel that is made up: one that moves as little as it likes, or lacks
/// what others have.
@Suite struct RequestTests {
    private let kibibyte = 1 << 10

    /// Carries a request out on `disk`, a made-up image.
    private func carryOut(
        _ request: inout Request, _ memory: TransferMemory.Part, on kind: RawImage.Kind = .file,
        _ answer: (FileCall?) -> Int
    ) -> Errno? {
        for _ in 0..<100_000 {
            switch request.advance(answer(request.nextCall(memory)), memory, on: kind) {
            case .unfinished: continue
            case .finished(let failure): return failure
            }
        }
        Issue.record("the request never ends")
        return nil
    }

    /// Moves up to `limit` bytes of a transfer between its segments and `disk`.
    private func move(_ call: FileCall?, _ disk: UnsafeMutableRawBufferPointer, limit: Int) -> Int {
        let (list, count, start, isRead): (UnsafePointer<iovec>, Int, Int, Bool)
        switch call {
        case .read(let segments, let number, let offset):
            (list, count, start, isRead) = (segments, number, offset, true)
        case .write(let segments, let number, let offset, _):
            (list, count, start, isRead) = (segments, number, offset, false)
        default: return -Int(EOPNOTSUPP)
        }
        var moved = 0
        for index in 0..<count {
            let length = min(list[index].iov_len, limit - moved)
            let part = UnsafeMutableRawBufferPointer(rebasing: disk[(start + moved)..<(start + moved + length)])
            let memory = UnsafeMutableRawBufferPointer(start: list[index].iov_base, count: length)
            if isRead { memory.copyMemory(from: .init(part)) } else { part.copyMemory(from: .init(memory)) }
            moved += length
        }
        return moved
    }

    @Test(arguments: [Operation.read, .write], [1, 7, 511, 4096, 100_000])
    func partialTransfersGoOnWhereTheyStopped(_ operation: Operation, limit: Int) throws {
        for direct in [false, true] {
            let memory = try TransferMemory(requests: 1, segmentsPerRequest: 4, bouncing: true)
            let disk = Buffer(randomBytes(80 * kibibyte))
            let buffer = Buffer(randomBytes(70 * kibibyte))
            let count = 70 * kibibyte - 1
            var place = 1
            for (index, length) in [3, 4096, 0, count - 4099].enumerated() {
                memory[0].segments[index] = iovec(
                    iov_base: buffer.bytes.baseAddress.map { $0 + place }, iov_len: length)
                place += length
            }
            var request = Request(
                operation, durable: false, offset: 512, count: count, segments: 4, memory: memory[0],
                alignment: direct ? .pages : .any)
            #expect(carryOut(&request, memory[0]) { move($0, disk.bytes, limit: limit) } == nil)
            #expect(disk.contents[512..<(512 + count)] == buffer.contents[1...])
        }
    }

    @Test(arguments: [
        (Operation.writeZeroes(mayUnmap: true), RawImage.Kind.file, ["punch", "zero", "write"]),
        (.writeZeroes(mayUnmap: false), .file, ["zero", "write"]),
        (.writeZeroes(mayUnmap: false), .blockDevice, ["zero", "write"]),
        (.discard, .file, ["punch"]),
        (.discard, .blockDevice, ["punch", "device"]),
    ])
    func whatAFileSystemLacksIsDoneAnotherWay(
        _ operation: Operation, _ kind: RawImage.Kind, expected: [String]
    ) throws {
        let memory = try TransferMemory(requests: 1, segmentsPerRequest: 4, bouncing: false)
        let disk = Buffer([UInt8](repeating: 1, count: 600 * kibibyte))
        var request = Request(
            operation, durable: false, offset: 512, count: 590 * kibibyte, segments: 0, memory: memory[0],
            alignment: .any)
        var calls: [String] = []
        let failure = carryOut(&request, memory[0], on: kind) { call in
            let name =
                switch call {
                case .allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 512, 590 << 10): "punch"
                case .allocate(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 512, 590 << 10): "zero"
                case .write: "write"
                case nil: "device"
                default: "unexpected"
                }
            if calls.last != name { calls.append(name) }
            return move(call, disk.bytes, limit: .max)
        }
        #expect(failure == nil)
        #expect(calls == expected)
        if operation != .discard {
            #expect(disk.contents[512..<(512 + 590 << 10)].allSatisfy { $0 == 0 })
            #expect(disk.contents[(512 + 590 << 10)...].allSatisfy { $0 == 1 })
            #expect(disk.contents[..<512].allSatisfy { $0 == 1 })
        }
    }

    @Test(arguments: [Operation.discard, .writeZeroes(mayUnmap: true), .writeZeroes(mayUnmap: false)])
    func durableChangesEndWithASynchronization(_ operation: Operation) throws {
        let memory = try TransferMemory(requests: 1, segmentsPerRequest: 1, bouncing: false)
        var request = Request(
            operation, durable: true, offset: 0, count: 512, segments: 0, memory: memory[0], alignment: .any)
        var synchronized = false
        let failure = carryOut(&request, memory[0]) { call in
            guard case .synchronize = call else { return 0 }
            synchronized = true
            return -Int(EIO)
        }
        #expect(synchronized)
        #expect(failure == .ioError)
    }

    @Test(arguments: [Operation.write, .writeZeroes(mayUnmap: false)], [false, true])
    func durableTransfersAskForIt(_ operation: Operation, durable: Bool) throws {
        let memory = try TransferMemory(requests: 1, segmentsPerRequest: 1, bouncing: false)
        memory[0].segments[0] = iovec(iov_base: nil, iov_len: 512)
        var request = Request(
            operation, durable: durable, offset: 0, count: 512, segments: 1, memory: memory[0], alignment: .any)
        var flags: CInt?
        let failure = carryOut(&request, memory[0]) { call in
            guard case .write(_, _, _, let given) = call else { return -Int(EOPNOTSUPP) }
            flags = given
            return 512
        }
        #expect(failure == nil)
        #expect(flags == (durable ? RWF_DSYNC : 0))
    }

    @Test(arguments: [Operation.read, .write, .flush, .discard, .writeZeroes(mayUnmap: true)])
    func failuresEndARequest(_ operation: Operation) throws {
        let memory = try TransferMemory(requests: 1, segmentsPerRequest: 1, bouncing: false)
        memory[0].segments[0] = iovec(iov_base: nil, iov_len: 512)
        var request = Request(
            operation, durable: false, offset: 0, count: 512, segments: 1, memory: memory[0], alignment: .any)
        #expect(carryOut(&request, memory[0]) { _ in -Int(ENOSPC) } == .noSpace)
    }
}

extension TransferAlignment {
    fileprivate static let pages = TransferAlignment(logicalBlock: 4096, memory: 4096)
}
