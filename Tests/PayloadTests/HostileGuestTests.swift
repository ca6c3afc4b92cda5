import Foundation
import TemporaryFiles
import Testing

/// Guests whose drivers try what no driver should. Each tells, case by case, how its device bore it and whether the device
/// works afterwards.
@Suite(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
struct HostileGuestTests {
    /// A payload, and the least number of cases that it tries on each device that it is for.
    struct Theme: CustomTestStringConvertible {
        let payload: String
        let cases: Int
        var devices = Device.allCases
        var transports = VirtioTests.transports

        var testDescription: String { payload }
    }

    enum Device: String, CaseIterable {
        case block, entropy, vsock, balloon, console
        /// Takes a tap interface.
        case net

        static let usable = allCases.filter { $0 != .net || canMakeTaps }
        private static let canMakeTaps = getuid() == 0 && access("/dev/net/tun", R_OK | W_OK) == 0

        func options(disk: String, socket: String) -> [String] {
            switch self {
            case .block: ["--disk", "path=\(disk)"]
            case .entropy: ["--entropy"]
            case .vsock: ["--vsock", "cid=5,socket=\(socket)"]
            case .balloon: ["--balloon"]
            case .console: ["--port", "name=test,socket=\(socket)"]
            case .net: ["--net", "tap=hostile\(String(UInt32.random(in: 0...(.max)), radix: 36))"]
            }
        }
    }

    @Test(arguments: [
        Theme(payload: "hostile-rings", cases: 50),
        Theme(payload: "hostile-protocol", cases: 25),
        Theme(payload: "hostile-registers", cases: 8),
        Theme(payload: "hostile-pci", cases: 20, transports: ["pci"]),
        Theme(payload: "hostile-block", cases: 35, devices: [.block]),
        Theme(payload: "hostile-devices", cases: 3, devices: [.entropy, .vsock, .balloon, .net, .console]),
    ])
    func devicesBearIt(_ theme: Theme) throws {
        var random = SystemRandomNumberGenerator()
        let contents = (0..<(1 << 20) / 8).flatMap { _ in withUnsafeBytes(of: random.next(), Array.init) }
        let disk = try TemporaryFile(contents)
        let socket = try TemporaryFile("").path + "-vsock"
        for transport in theme.transports {
            for device in theme.devices where Device.usable.contains(device) {
                let result = try Swiftlet.run(
                    payload: theme.payload,
                    ["--transport", transport] + device.options(disk: disk.path, socket: socket))
                let lines = result.output.split(separator: "\n")
                let failed = lines.filter { !$0.hasPrefix("ok ") && $0 != lines.last }
                #expect(failed.isEmpty, "\(device) over \(transport): \(failed)")
                #expect(lines.last?.hasSuffix(" cases, failed: 0") == true, "\(device) over \(transport)")
                #expect(lines.count > theme.cases, "\(device) over \(transport)")
                #expect(result.ending == .exited(0), "\(device) over \(transport): \(result.errors)")
            }
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: disk.path)) == Data(contents))
    }
}
