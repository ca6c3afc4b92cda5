import ArgumentParser
import Machine
import MachineConfiguration
import Network
import Testing

@testable import SwiftletCommand

struct NetOptionTests {
    @Test func everyKeyHasItsField() throws {
        let nets = try NetOption.nets([
            "tap=tap0,id=lan,mac=52:54:00:12:34:56,mtu=9000,queues=2,bps=10M", "fd=7", "none", "user,bps=5000",
        ])
        var lan = VMConfiguration.Net(id: "lan")
        lan.tap = "tap0"
        lan.mac = MACAddress("52:54:00:12:34:56")
        lan.mtu = 9000
        lan.queues = 2
        lan.bytesPerSecond = 10 << 20
        var inherited = VMConfiguration.Net(id: "net1")
        inherited.fd = 7
        var user = VMConfiguration.Net(id: "net3")
        user.user = true
        user.bytesPerSecond = 5000
        #expect(nets == [lan, inherited, user])
    }

    @Test(
        arguments: [
            ("", "there is no ''"), ("tap", "'tap' needs a value"), ("user=yes", "'user' takes no value"),
            ("tap=a,", "there is no ''"), ("bridge=br0", "there is no 'bridge'"), ("fd=x", "fd='x'"),
            ("tap=a,mac=1:2", "mac='1:2'"), ("tap=a,mtu=70000", "mtu='70000'"), ("tap=a,queues=-", "queues='-'"),
            ("tap=a,bps=fast", "bps='fast'"), ("none,tap=a", "there is no 'none'"),
        ])
    func whatIsWrongIsNamed(text: String, problem: String) {
        let error = #expect(throws: ValidationError.self) { try NetOption.nets([text]) }
        #expect(error?.message.contains(problem) == true, "\(error?.message ?? "")")
    }
}
