import ControlMessages
import Foundation
import Testing

@testable import Control

/// The channel itself; machines are in the payload tests.
struct ServerTests {
    private func client() throws -> ServedClient {
        let client = try ServedClient()
        _ = try client.messages()
        return client
    }

    @Test func theServerSpeaksFirst() throws {
        let messages = try ServedClient().messages()
        #expect(messages.count == 1)
        #expect(messages[0]["method"] as? String == "hello")
        #expect(messages[0].at("params", "protocol") as? String == "1.0")
        #expect(messages[0].at("params", "version") as? String == "9.9")
        #expect(messages[0].at("params", "pid") as? Int32 == getpid())
        #expect(messages[0].at("params", "limits", "maxLine") as? Int == 1 << 20)
        #expect((messages[0].at("params", "capabilities") as? [String])?.contains("vm.create") == true)
    }

    @Test func idsComeBackAsTheyWere() throws {
        let client = try client()
        client.send(line: #"{"jsonrpc":"2.0","id":-7,"method":"server.ping"}"#)
        client.send(line: #"{"jsonrpc":"2.0","id":"seven","method":"server.ping","params":{}}"#)
        // A notification.
        client.send(line: #"{"jsonrpc":"2.0","method":"server.ping"}"#)
        client.send(line: #"{"jsonrpc":"2.0","method":"vm.start"}"#)
        client.send(line: "  \t\r")
        let messages = try client.messages()
        #expect(messages.count == 2)
        #expect(messages.first?["id"] as? Int == -7)
        #expect(messages.last?["id"] as? String == "seven")
        #expect(messages.allSatisfy { ($0["result"] as? [String: Any])?.isEmpty == true })
    }

    /// A line, the code of its one answer, whether its id is known, and the field that is named.
    @Test(
        arguments: [
            ("nonsense", -32700, false, nil), ("{", -32700, false, nil), (#"{"a":1} x"#, -32700, false, nil),
            ("\u{1}", -32700, false, nil), (String(repeating: "[", count: 100_000), -32700, false, nil),
            ("[]", -32600, false, nil), ("5", -32600, false, nil), ("null", -32600, false, nil),
            (#"{"id":1}"#, -32600, true, "/jsonrpc"),
            (#"{"jsonrpc":"1.0","id":1,"method":"a"}"#, -32600, true, "/jsonrpc"),
            (#"{"jsonrpc":"2.0","id":1}"#, -32600, true, "/method"),
            (#"{"jsonrpc":"2.0","id":1,"method":5}"#, -32600, true, "/method"),
            (#"{"jsonrpc":"2.0","id":1,"method":"server.ping","extra":1}"#, -32600, true, "/extra"),
            (#"{"jsonrpc":"2.0","id":null,"method":"server.ping"}"#, -32600, false, "/id"),
            (#"{"jsonrpc":"2.0","id":1.5,"method":"server.ping"}"#, -32600, false, "/id"),
            (#"{"jsonrpc":"2.0","id":1,"method":"vm.fly"}"#, -32601, true, nil),
            (#"{"jsonrpc":"2.0","id":1,"method":"server.ping","params":[]}"#, -32602, true, nil),
            (#"{"jsonrpc":"2.0","id":1,"method":"server.ping","params":{"a":1}}"#, -32602, true, "/a"),
            (#"{"jsonrpc":"2.0","id":1,"method":"vm.create"}"#, -32602, true, "/config"),
            (#"{"jsonrpc":"2.0","id":1,"method":"vm.create","params":{"config":{}}}"#, -32602, true, "/config/kernel"),
            (
                #"{"jsonrpc":"2.0","id":1,"method":"vm.create","params":{"config":{"kernel":{"path":"k"},"cpus":0}}}"#,
                -32602, true, "/config/cpus"
            ),
            (
                #"{"jsonrpc":"2.0","id":1,"method":"vm.create","params":{"config":{"kernel":{"path":"k"},"disks":[5]}}}"#,
                -32602, true, "/config/disks/0"
            ),
            (#"{"jsonrpc":"2.0","id":1,"method":"vm.wait","params":{"timeoutMs":-1}}"#, -32602, true, "/timeoutMs"),
            (#"{"jsonrpc":"2.0","id":1,"method":"vm.wait","params":{"timeoutMs":1e19}}"#, -32602, true, "/timeoutMs"),
            (#"{"jsonrpc":"2.0","id":1,"method":"vm.wait","params":{"timeoutMs":1e99}}"#, -32602, true, "/timeoutMs"),
            (
                #"{"jsonrpc":"2.0","id":1,"method":"vm.wait","params":{"timeoutMs":99999999999999999999999}}"#, -32602,
                true, "/timeoutMs"
            ),
            (#"{"jsonrpc":"2.0","id":1,"method":"console.write","params":{}}"#, -32602, true, nil),
            (#"{"jsonrpc":"2.0","id":1,"method":"console.write","params":{"base64":"?"}}"#, -32602, true, "/base64"),
            (
                #"{"jsonrpc":"2.0","id":1,"method":"console.write","params":{"data":"a","base64":"YQ=="}}"#, -32602,
                true,
                nil
            ),
        ] as [(String, Int, Bool, String?)])
    func aLineThatIsNoRequestIsAnsweredOnceAndTheNextIsServed(
        line: String, code: Int, knowsID: Bool, field: String?
    ) throws {
        let client = try client()
        client.send(line: line)
        client.send(line: #"{"jsonrpc":"2.0","id":2,"method":"server.ping"}"#)
        let messages = try client.messages()
        #expect(messages.count == 2)
        #expect(messages[0].at("error", "code") as? Int == code)
        #expect((messages[0]["id"] as? Int) == (knowsID ? 1 : nil))
        #expect((messages[0]["id"] is NSNull) == !knowsID)
        #expect(messages[0].at("error", "data", "field") as? String == field)
        #expect((messages[0].at("error", "data", "message") as? String)?.isEmpty == false)
        #expect(messages[1]["id"] as? Int == 2)
    }

    @Test(arguments: [
        "vm.start", "vm.pause", "vm.resume", "vm.stop", "vm.kill", "vm.wait", "vm.get", "vm.stats",
    ])
    func withoutAMachineNothingIsDoneToIt(method: String) throws {
        let client = try client()
        client.send(line: #"{"jsonrpc":"2.0","id":1,"method":"\#(method)"}"#)
        let messages = try client.messages()
        #expect(messages.count == 1)
        #expect(messages[0].at("error", "code") as? Int == -32000)
        #expect(messages[0].at("error", "data", "kind") as? String == "invalidState")
    }

    @Test func anOverlongLineAndInvalidUTF8AreAnsweredAndSkipped() throws {
        let client = try client()
        client.send([UInt8](repeating: 0x61, count: 3 << 20) + [0x0a])
        client.send([0x22, 0xFF, 0xFE, 0x22, 0x0a])
        client.send(line: #"{"jsonrpc":"2.0","id":1,"method":"server.ping"}"#)
        let messages = try client.messages()
        let codes = messages.map { message in message.at("error", "code") as? Int }
        #expect(codes == [-32600, -32700, nil])
        #expect(messages.last?["id"] as? Int == 1)
    }

    /// Requests of a client that reads nothing wait in its pipe, and not in memory; none is lost.
    @Test func aClientThatDoesNotReadIsNotServedAnyFurther() throws {
        let client = try client()
        let count = 20_000
        let lines = (0..<count).map { id in
            Array(#"{"jsonrpc":"2.0","id":\#(id),"method":"server.info"}"#.utf8) + [0x0a]
        }
        let sent = client.sendAsMuchAsIsTaken(lines)
        #expect(sent < count, "all requests were taken without a reader")
        let messages = try client.messages()
        let ids = messages.compactMap { message in message["id"] as? Int }
        #expect(ids == Array(0..<sent))
    }

    @Test func theLastLineNeedsNoEndAndTheServerEndsWithItsInput() throws {
        let client = try client()
        client.send(Array(#"{"jsonrpc":"2.0","id":1,"method":"server.ping"}"#.utf8))
        client.work()
        #expect(!client.hasEnded)
        client.end()
        let messages = try client.messages()
        #expect(messages.count == 1 && messages.first?["id"] as? Int == 1)
        #expect(client.hasEnded)
    }

    @Test func exitKindsHaveTheirNames() {
        let names = VMStats.exitNames.sorted()
        #expect(
            names == [
                "configurationPort", "controlPort", "deviceRegisterRead", "deviceRegisterWrite", "other", "serialRead",
                "serialWrite", "signal", "unmappedMemoryRead", "unmappedMemoryWrite", "unmappedPortRead",
                "unmappedPortWrite",
            ])
    }
}
