import ArgumentParser
import Machine
import MachineConfiguration
import Testing

@testable import SwiftletCommand

struct DiskOptionTests {
    @Test func everyKeyHasItsField() throws {
        let disks = try DiskOption.disks([
            "path=/a,,b=c.img,id=root,readonly,direct,serial=S 1,queues=4,queue-size=64,bps=10M,iops=500", "path=x",
        ])
        var root = VMConfiguration.Disk(id: "root", path: "/a,b=c.img")
        root.readOnly = true
        root.direct = true
        root.serial = "S 1"
        root.queues = 4
        root.queueSize = 64
        root.bytesPerSecond = 10 << 20
        root.operationsPerSecond = 500
        #expect(disks == [root, VMConfiguration.Disk(id: "disk1", path: "x")])
    }

    @Test(
        arguments: [
            ("", "there is no ''"), ("id=a", "there is no path"), ("path", "'path' needs a value"),
            ("path=", "there is no path"), ("path=a,readonly=yes", "'readonly' takes no value"),
            ("path=a,", "there is no ''"), ("path=a,b.img", "there is no 'b.img'"),
            ("path=a,format=qcow2", "there is no 'format'"), ("path=a,queues=x", "queues='x'"),
            ("path=a,bps=fast", "bps='fast'"), ("path=a,iops=-1", "iops='-1'"),
        ])
    func whatIsWrongIsNamed(text: String, problem: String) {
        do {
            _ = try DiskOption.disks([text])
            Issue.record("\(text) was accepted")
        } catch {
            #expect("\(error)".contains(problem))
        }
    }
}
