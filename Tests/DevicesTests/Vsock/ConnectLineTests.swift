import Testing

@testable import Devices

struct ConnectLineTests {
    @Test(
        arguments: [
            ("CONNECT 1\n", 1, 10), ("CONNECT 4294967295\n", 4_294_967_295, 19), ("CONNECT 52\nhello", 52, 11),
        ] as [(String, UInt32, Int)])
    func takesAPort(text: String, port: UInt32, length: Int) {
        #expect(ConnectLine(Array(text.utf8)) == .complete(port: port, length: length))
    }

    @Test(arguments: ["", "C", "CONNECT", "CONNECT ", "CONNECT 429496729"])
    func waitsForTheEnd(text: String) {
        #expect(ConnectLine(Array(text.utf8)) == .incomplete)
    }

    @Test(arguments: [
        "\n", "connect 1\n", "CONNECT\n", "CONNECT \n", "CONNECT 4294967296\n", "CONNECT -1\n", "CONNECT 1 \n",
        "CONNECT 1\r\n", "CONNECT x", "GET / HTTP/1.1", "CONNECT 00000000001", "CONNECT 99999999999\n",
    ])
    func refusesTheRest(text: String) {
        #expect(ConnectLine(Array(text.utf8)) == .malformed)
    }
}
