import Foundation
import Synchronization
import TemporaryFiles
import Testing

@testable import TreeStream

@Suite struct TreeStreamTests {
    private let temporary: TemporaryDirectory

    init() throws {
        temporary = try TemporaryDirectory()
    }

    private func within(_ path: String) -> [UInt8] { Array("\(temporary.path)/\(path)".utf8) }

    /// Sends what is at `source` to `target`, both within the test's directory.
    private func copy(
        _ source: String, to target: String, mask: UInt32 = 0o7777
    ) throws -> (sent: TreeSummary, received: TreeSummary) {
        var ends: [CInt] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        let path = temporary.path + "/" + source
        signal(SIGPIPE, SIG_IGN)
        let sent = Mutex<TreeSummary?>(nil)
        let isSent = DispatchSemaphore(value: 0)
        // Not a task: those have no more threads than there are processors, which all may wait for a sender.
        let sender = Thread {
            let summary = TreeSender(to: writing).send(path)
            close(writing)
            sent.withLock { $0 = summary }
            isSent.signal()
        }
        sender.start()
        let received = TreeReceiver(from: reading, mask: mask).receive(at: within(target), as: nil)
        close(reading)
        isSent.wait()
        return (try #require(sent.withLock { $0 }), received)
    }

    /// Receives a stream of the test's own making.
    private func receive(_ bytes: [UInt8], at target: String = "to", as name: [UInt8]? = nil) throws -> TreeSummary {
        let file = try TemporaryFile(bytes)
        let descriptor = try file.open(O_RDONLY)
        defer { close(descriptor) }
        return TreeReceiver(from: descriptor, mask: 0o777).receive(at: within(target), as: name)
    }

    @Test func aTreeArrivesAsItWas() throws {
        try temporary.run(
            """
            mkdir -p from/a/b from/empty to
            seq 100000 >from/numbers; : >from/a/nothing; printf x >"from/a/b/$(printf 'new\\nline')"
            ln -s ../numbers from/a/link; ln -s /nowhere from/a/b/broken
            chmod 4750 from/numbers; chmod 500 from/empty; touch -d '2001-02-03 04:05:06.789' from/numbers from/a
            """)
        let (sent, received) = try copy("from", to: "to")
        #expect(sent.error == 0 && sent == received)
        #expect(received.members == 9 && received.bytes == 588_896)
        try temporary.run(
            """
            diff -r --no-dereference from to/from
            for side in from to/from; do
                (cd $side; find . -type f -o -type d | sort | xargs -d '\\n' stat -c '%n %a %y' | grep -v -e '^\\. ' -e 'new$' -e '^line') >$(echo $side | tr / _).txt || true
            done
            test -s from.txt; cmp from.txt to_from.txt
            """)
    }

    @Test func aFileTakesAName() throws {
        try temporary.run("echo new >from; echo old >to")
        #expect(try copy("from", to: "to").received.error == 0)
        #expect(try copy("from", to: "other").received.error == 0)
        try temporary.run("cmp from to; cmp from other")
    }

    @Test func aDirectoryTakesAName() throws {
        try temporary.run("mkdir from; echo a >from/a")
        #expect(try copy("from", to: "to").received.error == 0)
        try temporary.run("cmp from/a to/a; test ! -e to/from")
    }

    /// It is merged, and files in it are replaced, not written through.
    @Test func whatIsThereIsMerged() throws {
        try temporary.run(
            """
            mkdir -p from to/from; echo new >from/a; echo outside >outside
            ln -s ../../outside to/from/a; echo kept >to/from/kept; chmod 700 to/from; chmod 755 from
            """)
        #expect(try copy("from", to: "to").received.error == 0)
        try temporary.run(
            "cmp from/a to/from/a; test ! -L to/from/a; grep -q kept to/from/kept; grep -q outside outside; test $(stat -c %a to/from) = 700"
        )
    }

    @Test func bitsAreMasked() throws {
        try temporary.run("echo a >from; chmod 6755 from; mkdir to")
        #expect(try copy("from", to: "to", mask: 0o777).received.error == 0)
        try temporary.run("test $(stat -c %a to/from) = 755")
    }

    @Test func whatIsNoFileIsLeftOut() throws {
        try temporary.run("mkdir from to; mkfifo from/pipe; echo a >from/a; echo z >from/z")
        let (sent, received) = try copy("from", to: "to")
        #expect(sent.error == EOPNOTSUPP && String(decoding: sent.place, as: UTF8.self) == "from/pipe")
        #expect(received.error == 0)
        try temporary.run("cmp from/a to/from/a; cmp from/z to/from/z; test ! -e to/from/pipe")
    }

    @Test(arguments: [
        ("missing", "to", ENOENT, 0), ("from", "no/where", EPIPE, ENOENT), ("from", "file/x", EPIPE, ENOTDIR),
    ])
    func errorsAreTold(_ source: String, _ target: String, _ sent: CInt, _ received: CInt) throws {
        try temporary.run("mkdir to from; head -c 1000000 /dev/zero >from/zeros; : >file")
        let result = try copy(source, to: target)
        #expect(result.sent.error == sent && result.received.error == received)
    }

    /// As with cp(1): what is in a directory goes into the target itself.
    @Test(arguments: ["from/.", "from/./", "from/d/.."], ["to", "new"])
    func whatIsInADirectoryIsCopied(_ source: String, _ target: String) throws {
        try temporary.run("mkdir -p from/d to; echo a >from/a; ln -s a from/link; echo kept >to/kept; chmod 700 to")
        let (sent, received) = try copy(source, to: target)
        #expect(sent.error == 0 && received.error == 0)
        try temporary.run(
            "test -z \"$(diff -r --no-dereference from \(target) | grep -v '^Only in to: kept')\"; test -d \(target)/d")
        if target == "to" { try temporary.run("test $(stat -c %a to) = 700; grep -q kept to/kept") }
    }

    @Test func theRootHasAName() {
        for path in ["/", "//", ""] { #expect(TreeTop.name(of: Array(path.utf8)) == Array("root".utf8)) }
        #expect(TreeTop.name(of: Array("a//b//".utf8)) == Array("b".utf8))
    }

    @Test(arguments: ["pipe", "link", "to"])
    func devicesAndPipesStay(_ target: String) throws {
        try temporary.run("mkdir to; echo a >from; mkfifo pipe to/from; ln -s /dev/null link")
        #expect(try copy("from", to: target).received.error == EOPNOTSUPP)
        try temporary.run("test -p pipe; test -p to/from; test -L link")
    }

    /// Those of procfs have contents, and no size.
    @Test func filesWithoutASize() throws {
        try temporary.run("mkdir to; cp /proc/filesystems expected")
        #expect(try copy("../../../../../../../../proc/filesystems", to: "to").received.error == 0)
        try temporary.run("cmp expected to/filesystems")
    }

    @Test func aDirectoryIsNoFilesPlace() throws {
        try temporary.run("mkdir -p to/from; echo a >from")
        let result = try copy("from", to: "to")
        #expect(result.received.error == EISDIR && String(decoding: result.received.place, as: UTF8.self) == "from")
    }

    // MARK: A sender that means ill

    private func record(_ kind: UInt8, _ name: String = "", mode: UInt8 = 0, size: UInt64 = 0) -> [UInt8] {
        [kind, 0, 0, 0, mode, 1, 0, 0, 0, 0, 0, 0, UInt8(name.utf8.count), 0, 0, 0] + [UInt8](repeating: 0, count: 8)
            + (0..<8).map { UInt8(truncatingIfNeeded: size >> ($0 * 8)) } + Array(name.utf8)
    }

    @Test(arguments: ["..", ".", "a/b", "/a", "a\0b"])
    func namesLeadNowhereElse(_ name: String) throws {
        try temporary.run("mkdir to")
        #expect(try receive(record(1, name) + record(5)).error == EPROTO)
        #expect(try receive(record(2, "d") + record(1, name) + record(4) + record(5)).error == EPROTO)
        try temporary.run("test $(find . | wc -l) = 3")
    }

    /// Else a guest could choose what it overwrites in the directory that the user asked for a file in.
    @Test func theTopIsWhatWasAskedFor() throws {
        try temporary.run("mkdir to; echo precious >to/precious")
        let stream = record(1, "precious", size: 3) + Array("bad".utf8) + record(5)
        #expect(try receive(stream, as: Array("wanted".utf8)).error == 0)
        #expect(try receive(record(2, "precious") + record(4) + record(5), as: Array("d".utf8)).error == 0)
        try temporary.run(
            "grep -q precious to/precious; grep -q bad to/wanted; test -d to/d; test $(ls to | wc -l) = 3")
    }

    @Test func theTopIsNoLink() throws {
        try temporary.run("mkdir to")
        let stream = record(3, "l", size: 2) + Array("..".utf8) + record(5)
        #expect(try receive(stream).error == EPROTO)
        #expect(try receive(stream, at: "new").error == EPROTO)
        try temporary.run("test -z \"$(ls to)\"; test ! -L new")
    }

    /// A link is not followed to make something in what it leads to, whether it was there or came with the stream.
    @Test func linksAreNotFollowed() throws {
        try temporary.run("mkdir to outside; ln -s ../outside to/d")
        #expect(try receive(record(2, "d") + record(1, "a") + record(4) + record(5)).error == ENOTDIR || errno == ELOOP)
        let link = record(3, "l", size: 10) + Array("../outside".utf8)
        let stream = record(2, "t") + link + record(2, "l") + record(1, "a") + record(4) + record(4) + record(5)
        #expect(try receive(stream).error != 0)
        try temporary.run("test -z \"$(ls outside)\"")
    }

    @Test func streamsThatMakeNoSense() throws {
        try temporary.run("mkdir to")
        let streams = [
            record(4), record(0), record(6), record(2, "d") + record(5), record(1, "a") + record(1, "b"),
            record(1, "a", size: 1 << 63), record(3, "a", size: 4096), record(3, "a", size: 0), record(2, "a", size: 1),
            record(5, "a"), record(1), [1, 1] + record(1, "a").dropFirst(2),
            [UInt8](repeating: 0xFF, count: 400), record(3, "a", size: 2) + [0x2F, 0],
        ]
        for stream in streams { #expect(try receive(stream + record(5)).error == EPROTO, "\(stream)") }
    }

    @Test func depthIsBounded() throws {
        try temporary.run("mkdir to")
        let deepest = Array(repeatElement(record(2, "d"), count: TreeReceiver.deepest).joined())
        #expect(try receive(deepest + record(2, "d")).error == ENAMETOOLONG)
        try temporary.run("rm -r to; mkdir to")
        let ends = Array(repeatElement(record(4), count: TreeReceiver.deepest).joined())
        #expect(try receive(deepest + ends + record(5)).error == 0)
    }

    @Test func aStreamThatEndsEarly() throws {
        try temporary.run("mkdir to")
        let whole = record(2, "d") + record(1, "a", size: 3) + Array("abc".utf8) + record(4) + record(5)
        #expect(try receive(whole).error == 0)
        for count in 0..<whole.count { #expect(try receive(Array(whole[..<count])).error == EPIPE, "\(count)") }
    }
}
