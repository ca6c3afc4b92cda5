import Testing

@testable import Devices

@Suite struct PanicDetectorTests {
    static let panic = """
        [    0.000000] Linux version 6.1.0-18-cloud-amd64\r
        [    1.204190] ---[ cut here ]------------\r
        [    1.204194] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r
        [    1.204901] CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.0-18-cloud-amd64 #1\r
        [    1.206128] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0) ]---\r

        """

    private static func detector(_ text: String, chunk: Int = .max) -> PanicDetector {
        var detector = PanicDetector()
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            rest.prefix(chunk).withUnsafeBytes { detector.consume($0) }
            rest = rest.dropFirst(chunk)
        }
        return detector
    }

    @Test(arguments: Array(1...80) + [Int.max])
    func findsThePanicInChunksOfAnySize(chunk: Int) {
        let detector = Self.detector(Self.panic, chunk: chunk)
        #expect(detector.finding == .ended)
        #expect(detector.reason == "VFS: Unable to mount root fs on unknown-block(0,0)")
    }

    @Test func reportsThePanicBeforeTheKernelHasSaidAll() {
        let text = Self.panic.prefix { $0 != "C" }
        let detector = Self.detector(String(text))
        #expect(detector.finding == .panicked)
        #expect(detector.reason == "VFS: Unable to mount root fs on unknown-block(0,0)")
    }

    /// Whoever ends the machine at once must not cut the kernel's last line short.
    @Test func thePanicEndsWithItsLastLine() {
        #expect(Self.detector(String(Self.panic.unicodeScalars.dropLast())).finding == .panicked)
        #expect(Self.detector(Self.panic).finding == .ended)
    }

    @Test(arguments: [
        "Kernel panic - not syncing: why\n",
        "\nKernel panic - not syncing: why\r\n",
        "<0>Kernel panic - not syncing: why\n",
        "<0>[    9.000001] Kernel panic - not syncing: why\n",
        "[12345.678901][    T1] Kernel panic - not syncing: why\n",
        "[    1.234567] [  C12] Kernel panic - not syncing: why\n",
        "# [    1.5] Kernel panic - not syncing: lost behind a prompt\n---[ end Kernel panic - not syncing: why ]---\n",
        "Kernel panic - not syncing: pretence\nKernel panic - not syncing: why\n",
    ])
    func knowsTheKernelsPrefixes(text: String) {
        #expect(Self.detector(text).reason == "why")
    }

    @Test(arguments: [
        "echo \"xx Kernel panic - not syncing: no\"\n",
        "# Kernel panic - not syncing: no\n",
        "init: Kernel panic - not syncing: no\n",
        "[init] Kernel panic - not syncing: no\n",
        "<<0>Kernel panic - not syncing: no\n",
        "Kernel panic - syncing: no\n",
        "KKernel panic - not syncing: no\n",
        "---[ end trace 0123456789abcdef ]---\n",
        "Kernel panic - not syncin\ng: no\n",
    ])
    func ignoresOtherText(text: String) {
        let detector = Self.detector(text)
        #expect(detector.finding == .none)
        #expect(detector.reason == nil)
    }

    @Test func reasonIsBoundedAndPrintable() {
        let long = String(repeating: "é\u{1b}x", count: 1000)
        let reason = Self.detector("Kernel panic - not syncing: \(long)\n").reason
        #expect(reason == String(String(repeating: "???x", count: 50)))
    }

    @Test func panicWithoutAReasonHasAnEmptyOne() {
        #expect(Self.detector("Kernel panic - not syncing:\n").reason == "")
    }
}
