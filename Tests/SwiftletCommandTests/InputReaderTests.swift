import CLinux
import Devices
import Glibc
import Linux
import SystemPackage
import TemporaryFiles
import Testing

@testable import SwiftletCommand

@Suite struct InputReaderTests {
    private struct Timeout: Error {}

    /// Somebody who types, and what is reported of that.
    private final class Typist {
        let loop: EventLoop
        private let reading: OwnedDescriptor
        private var writing: OwnedDescriptor?
        private var reader: InputReader?
        private(set) var pieces: [[UInt8]] = []
        private(set) var hasEnded = false
        private(set) var hasLeft = false

        init(escape: InteractiveEscape?) throws {
            loop = try EventLoop(name: "test")
            var ends: [CInt] = [-1, -1]
            try systemCall("pipe2") { pipe2(&ends, O_CLOEXEC | O_NONBLOCK) }
            reading = OwnedDescriptor(adopting: ends[0])
            writing = OwnedDescriptor(adopting: ends[1])
            reader = InputReader(reading.rawValue, escape: escape, on: loop) { [unowned self] event in
                switch event {
                case .bytes(let bytes): pieces.append(bytes)
                case .ended: hasEnded = true
                case .failed(let errno): Issue.record("\(errno)")
                case .left: hasLeft = true
                }
            }
        }

        deinit { reader?.stop() }

        /// - Returns: how many of the bytes were taken, as many as will be while no piece is.
        func type(_ bytes: [UInt8]) throws -> Int {
            guard let descriptor = writing?.rawValue else { return 0 }
            var typed = 0
            while typed < bytes.count {
                let count = bytes[typed...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
                if count > 0 { typed += count }
                let before = try unread()
                loop.turn(waiting: false)
                if count < 0, try unread() == before { break }
            }
            return typed
        }

        func end() {
            writing = nil
        }

        /// Bytes that are not read.
        func unread() throws -> CInt {
            var count: CInt = 0
            try systemCall("ioctl") { ioctl(reading.rawValue, UInt(FIONREAD), &count) }
            return count
        }

        func takePiece() {
            reader?.resume()
        }

        func turn(until isDone: () throws -> Bool) throws {
            var isLate = false
            let timer = loop.schedule(after: 10_000_000_000) { isLate = true }
            defer { loop.cancel(timer) }
            while try !isDone() {
                if isLate { throw Timeout() }
                loop.turn(waiting: true)
            }
        }
    }

    private static let text = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 % 251) }

    @Test(arguments: [false, true])
    func aPieceComesOnceTheFormerOneIsTaken(hasEscape: Bool) throws {
        // An escape twice is one.
        let typed = hasEscape ? Self.text.flatMap { $0 == InteractiveEscape.prefix ? [$0, $0] : [$0] } : Self.text
        let typist = try Typist(escape: hasEscape ? InteractiveEscape() : nil)
        var (sent, taken) = (0, 0)
        while true {
            sent += try typist.type(Array(typed[sent...]))
            if sent == typed.count { typist.end() }
            if hasEscape { try typist.turn { try typist.unread() == 0 } }
            try typist.turn { typist.pieces.count > taken || typist.hasEnded }
            if typist.hasEnded { break }
            taken += 1
            #expect(typist.pieces.count == taken)
            typist.takePiece()
        }
        #expect(typist.pieces.joined().elementsEqual(Self.text))
        #expect(!typist.hasLeft)
    }

    /// However much was typed before, that is.
    @Test func theUserLeavesThoughNobodyTakesAnything() throws {
        let typist = try Typist(escape: InteractiveEscape())
        let lines = [UInt8](repeating: UInt8(ascii: "\n"), count: 900_000)
        #expect(try typist.type(lines + [InteractiveEscape.prefix]) == lines.count + 1)
        try typist.turn { try typist.unread() == 0 }
        #expect(!typist.hasLeft)
        #expect(try typist.type(Array("qno more".utf8)) == 8)
        try typist.turn { typist.hasLeft }
        typist.takePiece()
        typist.loop.turn(waiting: false)
        #expect(typist.pieces.count == 1 && !typist.hasEnded)
    }

    @Test func whatIsReadAheadIsBounded() throws {
        let typist = try Typist(escape: InteractiveEscape())
        let count = try typist.type([UInt8](repeating: 0, count: 3 << 20))
        #expect((1 << 20..<2 << 20).contains(count))
        #expect(typist.pieces.count == 1)
    }

    @Test func aFileIsReadToItsEnd() throws {
        let file = try TemporaryFile(Self.text)
        let descriptor = try file.open(O_RDONLY)
        defer { close(descriptor) }
        let loop = try EventLoop(name: "test")
        var bytes: [UInt8] = []
        var hasEnded = false
        var reader: InputReader?
        reader = InputReader(descriptor, escape: nil, on: loop) { event in
            switch event {
            case .bytes(let piece):
                bytes += piece
                reader?.resume()
            case .ended: hasEnded = true
            case .failed, .left: Issue.record("\(event)")
            }
        }
        for _ in 0..<100 where !hasEnded { loop.turn(waiting: false) }
        #expect(hasEnded && bytes == Self.text)
        reader?.stop()
    }

    @Test func whatCannotBeReadIsTold() throws {
        let directory = try OwnedDescriptor.open("/", O_RDONLY | O_DIRECTORY)
        let loop = try EventLoop(name: "test")
        var failure: Errno?
        let reader = InputReader(directory.rawValue, escape: nil, on: loop) { event in
            if case .failed(let errno) = event { failure = errno } else { Issue.record("\(event)") }
        }
        for _ in 0..<100 where failure == nil { loop.turn(waiting: false) }
        #expect(failure == .isDirectory)
        reader.stop()
    }
}
