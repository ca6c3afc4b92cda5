import MachineConfiguration
import Testing

struct MACAddressTests {
    @Test func textAndBytesAreTheSameAddress() throws {
        let address = try #require(MACAddress("52:54:00:aB:cd:0f"))
        #expect(address == MACAddress([0x52, 0x54, 0, 0xAB, 0xCD, 0x0F]))
        #expect(address.description == "52:54:00:ab:cd:0f")
        #expect(!address.isGroup)
        #expect(MACAddress("01:00:5e:00:00:01")?.isGroup == true)
        #expect(MACAddress("00:00:00:00:00:00")?.isZero == true)
    }

    @Test(arguments: [
        "", "52:54:00:12:34", "52:54:00:12:34:56:78", "52:54:00:12:34:5", "52:54:00:12:34:5g", "52-54-00-12-34-56",
        "+1:54:00:12:34:56", "52:54:00:12:34:456", "5\u{0662}:54:00:12:34:56",
    ])
    func otherTextsAreNone(text: String) {
        #expect(MACAddress(text) == nil)
    }

    @Test func randomOnesAreLocalAndDistinct() {
        let addresses = (0..<1000).map { _ in MACAddress.random() }
        #expect(Set(addresses).count == 1000)
        for address in addresses { #expect(address.bytes[0] & 3 == 2) }
    }
}
