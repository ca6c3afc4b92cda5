import Testing

@testable import Boot

@Suite struct ACPIAMLTests {
    /// The largest content for each size of length, and one byte more.
    @Test(
        arguments: [
            (0, [0x01]),
            (62, [0x3F]), (63, [0x41, 0x04]),
            (4093, [0x4F, 0xFF]), (4094, [0x81, 0x00, 0x01]),
            (1 << 20 - 4, [0x8F, 0xFF, 0xFF]), (1 << 20 - 3, [0xC1, 0x00, 0x00, 0x01]),
            (1 << 28 - 5, [0xCF, 0xFF, 0xFF, 0xFF]),
        ] as [(Int, [UInt8])])
    func packageLengthCountsItself(contentCount: Int, expected: [UInt8]) {
        #expect(AML.packageLength(contentCount: contentCount) == expected)
    }

    @Test(
        arguments: [
            (0, [0x00]), (1, [0x01]), (2, [0x0A, 0x02]), (0xFF, [0x0A, 0xFF]),
            (0x100, [0x0B, 0x00, 0x01]), (0xFFFF, [0x0B, 0xFF, 0xFF]),
            (0x1_0000, [0x0C, 0x00, 0x00, 0x01, 0x00]), (0xFFFF_FFFF, [0x0C, 0xFF, 0xFF, 0xFF, 0xFF]),
            (0x1_0000_0000, [0x0E, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00]), (.max, [0xFF]),
        ] as [(UInt64, [UInt8])])
    func integersTakeTheShortestForm(value: UInt64, expected: [UInt8]) {
        #expect(AML.integer(value).bytes == expected)
    }

    @Test func eisaIDsAreCompressed() {
        #expect(EISAID(validating: "PNP0501")?.value == 0x0105_D041)
        #expect(EISAID(validating: "AZZFEDC")?.value == 0xDCFE_5A07)
        #expect(AML.eisaID("PNP0501").bytes == [0x0C, 0x41, 0xD0, 0x05, 0x01])
    }

    @Test(arguments: ["", "PNP050", "PNP05011", "pnp0501", "P1P0501", "PNP050G", "PNP0a08", "PNP+501", "PÑP050"])
    func malformedEISAIDsAreRefused(id: String) {
        #expect(EISAID(validating: id) == nil)
    }

    @Test func namesArePadded() {
        #expect(NameSegment(validating: "GED")?.bytes == Array("GED_".utf8))
        #expect(NameSegment(validating: "_S5")?.bytes == Array("_S5_".utf8))
        #expect(NameSegment("VR", unit: 0x1F).bytes == Array("VR1F".utf8))
    }

    @Test(arguments: ["", "ABCDE", "1ABC", "com1", "A B", "A.B", "\\_SB", "Ä"])
    func malformedNamesAreRefused(name: String) {
        #expect(NameSegment(validating: name) == nil)
    }

    @Test func aTreeIsEncodedAsTheGrammarSays() {
        let tree = AML.scope(
            "_SB",
            [
                .device(
                    "DEV",
                    [
                        .name("_HID", .string("AB")),
                        .method(
                            "_EVT", argumentCount: 1,
                            [.ifEqual(.argument(0), .integer(5), [.notify("DEV", .integer(0x80))])]),
                    ])
            ])
        let notify: [UInt8] = [0x86] + "DEV_".utf8 + [0x0A, 0x80]
        let branch: [UInt8] = [0xA0, 12, 0x93, 0x68, 0x0A, 5] + notify
        let method: [UInt8] = [0x14, 19] + "_EVT".utf8 + [1] + branch
        let name: [UInt8] = [0x08] + "_HID".utf8 + [0x0D, 0x41, 0x42, 0x00]
        let device: [UInt8] = [0x5B, 0x82, 34] + "DEV_".utf8 + name + method
        #expect(tree.bytes == [0x10, 41] + "_SB_".utf8 + device)
    }

    @Test func dataIsEncodedAsTheGrammarSays() {
        #expect(AML.package(.integer(5), .integer(0)).bytes == [0x12, 5, 2, 0x0A, 5, 0])
        #expect(AML.package().bytes == [0x12, 2, 0])
        #expect(AML.buffer([1, 2, 3]).bytes == [0x11, 6, 0x0A, 3, 1, 2, 3])
        #expect(AML.resourceTemplate([]).bytes == [0x11, 5, 0x0A, 2, 0x79, 0])
    }

    @Test func resourceDescriptorsAreEncodedAsSpecified() {
        #expect(ResourceDescriptor.io(port: 0x3F8, count: 8).bytes == [0x47, 1, 0xF8, 3, 0xF8, 3, 1, 8])
        #expect(ResourceDescriptor.edgeInterrupt(gsi: 0x104).bytes == [0x89, 6, 0, 0x03, 1, 4, 1, 0, 0])
        #expect(ResourceDescriptor.edgeInterrupt(gsi: 7, shared: true).bytes == [0x89, 6, 0, 0x0B, 1, 7, 0, 0, 0])
        #expect(
            ResourceDescriptor.memory32Fixed(base: 0xD000_1000, size: 0x200).bytes
                == [0x86, 9, 0, 1, 0, 0x10, 0, 0xD0, 0, 2, 0, 0])
        #expect(
            ResourceDescriptor.busWindow(0...15).bytes == [0x88, 13, 0, 2, 0x0C, 0, 0, 0, 0, 0, 15, 0, 0, 0, 16, 0])
        #expect(
            ResourceDescriptor.memoryWindow(0xC000_0000...0xCFFF_FFFF as ClosedRange<UInt32>).bytes
                == [0x87, 23, 0, 0, 0x0C, 1, 0, 0, 0, 0, 0, 0, 0, 0xC0, 0xFF, 0xFF, 0xFF, 0xCF, 0, 0, 0, 0]
                + [0, 0, 0, 0x10])
    }
}
