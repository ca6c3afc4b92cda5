import Foundation
import Swiftlet
import SwiftletTesting
import Testing

/// A guest that echoes in upper case, and ends with status 7 at a full stop.
private func echo() -> VMConfiguration {
    let firmware = ProcessInfo.processInfo.environment["SWIFTLET_FIRMWARE"] ?? "../../../.build/firmware"
    var configuration = VMConfiguration(kernel: .init(path: "\(firmware)/echo.elf"))
    configuration.memory = ByteSize(bytes: 64 << 20)
    return configuration
}

@Suite(.microVM(echo()))
struct EchoTests {
    @Test func whatIsTypedComesBackInUpperCase() async throws {
        let vm = try MicroVM.current
        try await vm.console.read(through: "full stop\n")
        try await vm.write("hello")
        try await vm.console.read(through: "HELLO")
        #expect(try await vm.stats().vcpus.count == 1)
    }

    @Test func aFullStopEndsIt() async throws {
        let vm = try MicroVM.current
        try await vm.write(".")
        let ending = try await vm.wait()
        #expect(ending.cause == .poweredOff)
        #expect(ending.code == 7)
    }
}
