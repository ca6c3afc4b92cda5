import Foundation
import Testing

/// The end of a stock kernel is the end of `swiftlet run`, with the right status and the reason on stderr.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct GuestEndTests {
    /// A boot and how it ends.
    struct Case: CustomTestStringConvertible {
        let boot: GuestBatch.Boot
        let status: Int
        var stderr = ""

        var testDescription: String { boot.name }
    }

    private static let crash = "swiftlet: the guest's kernel panicked: sysrq triggered crash\n"
    private static let noInit =
        "swiftlet: the guest's kernel panicked: Attempted to kill init! exitcode=0x00000000\n"

    static let cases: [Case] = GuestBatch.Kernel.allCases.flatMap(casesOfEach) + casesOfOne

    private static func casesOfEach(_ kernel: GuestBatch.Kernel) -> [Case] {
        let version = kernel.rawValue
        return [
            Case(boot: .init(name: "\(version) powers off", kernel: kernel, job: "poweroff"), status: 0),
            Case(boot: .init(name: "\(version) reboots", kernel: kernel, job: "reboot"), status: 0),
            Case(boot: .init(name: "\(version) crashes", kernel: kernel, job: "crash"), status: 255, stderr: crash),
            Case(
                boot: .init(
                    name: "\(version) crashes in silence and only tells pvpanic", kernel: kernel, job: "silent-crash",
                    append: "panic=0"),
                status: 255, stderr: "swiftlet: the guest's kernel panicked\n"),
        ]
    }

    private static let casesOfOne: [Case] = [
        Case(
            boot: .init(name: "reboots through the keyboard controller", job: "reboot", append: "reboot=k"), status: 0),
        Case(
            boot: .init(name: "reboots by a triple fault", job: "reboot", append: "reboot=t"), status: 255,
            stderr: "swiftlet: vCPU 0 shut down after a triple fault\n"),
        Case(boot: .init(name: "loses its init", job: "exit"), status: 255, stderr: noInit),
        Case(
            boot: .init(name: "loses its init and stays panicked", job: "exit", append: "panic=0"), status: 255,
            stderr: noInit),
        Case(
            boot: .init(name: "panics and reboots by a triple fault", job: "exit", append: "reboot=t"), status: 255,
            stderr: noInit),
        Case(
            boot: .init(name: "finds no root file system", job: "none", hasInitrd: false), status: 255,
            stderr: "swiftlet: the guest's kernel panicked: VFS: Unable to mount root fs on unknown-block(0,0)\n"),
        Case(
            boot: .init(name: "hangs until the time limit", job: "hang", options: ["--timeout", "20s"]), status: 124,
            stderr: "swiftlet: the time limit of 20s ran out\n"),
    ]

    static let batch = Result {
        try GuestBatch(cases.map(\.boot))
    }

    @Test(arguments: cases)
    func guest(_ expected: Case) throws {
        let result = try Self.batch.get().result(expected.boot.name)
        #expect(result.status == expected.status, result.comment)
        #expect(result.errors == expected.stderr, result.comment)
        #expect(result.output.contains("guest: up") == expected.boot.hasInitrd, result.comment)
        #expect(result.output.unicodeScalars.last == "\n", result.comment)
    }
}
