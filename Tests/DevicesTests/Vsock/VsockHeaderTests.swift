import Testing

@testable import Devices

struct VsockHeaderTests {
    @Test func liesInBuffersAsSpecified() {
        var header = VsockHeader(
            from: VsockAddress(cid: 0x0102_0304_0506_0708, port: 0x1112_1314),
            to: VsockAddress(cid: 0x2122_2324_2526_2728, port: 0x3132_3334), .creditUpdate)
        header.length = 0x4142_4344
        header.flags = 0x5152_5354
        header.bufferAllocation = 0x6162_6364
        header.forwardCount = 0x7172_7374
        let bytes = withUnsafeBytes(of: header.raw, Array.init)
        #expect(
            bytes == [
                0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21,
                0x14, 0x13, 0x12, 0x11, 0x34, 0x33, 0x32, 0x31, 0x44, 0x43, 0x42, 0x41, 1, 0, 6, 0,
                0x54, 0x53, 0x52, 0x51, 0x64, 0x63, 0x62, 0x61, 0x74, 0x73, 0x72, 0x71,
            ])
        #expect(bytes.count == VsockHeader.size)
        #expect(VsockHeader(header.raw) == header)
    }

    @Test func unknownOperationsAreTold() {
        var raw = VsockHeader(from: .init(cid: 3, port: 1), to: .init(cid: 2, port: 2), .request).raw
        for number in [0, 8, 0xFFFF] as [UInt16] {
            raw.op = number
            #expect(VsockHeader(raw).operation == nil)
        }
    }
}
