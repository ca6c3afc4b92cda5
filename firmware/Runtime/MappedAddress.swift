import _Volatile

/// The address of device registers, for accesses of each width.
struct MappedAddress {
    let value: UInt

    init(_ value: UInt) {
        self.value = value
    }

    static func + (base: MappedAddress, offset: UInt) -> MappedAddress { MappedAddress(base.value + offset) }

    func readByte() -> UInt8 { VolatileMappedRegister<UInt8>(unsafeBitPattern: value).load() }
    func readWord() -> UInt16 { VolatileMappedRegister<UInt16>(unsafeBitPattern: value).load() }
    func readDword() -> UInt32 { VolatileMappedRegister<UInt32>(unsafeBitPattern: value).load() }
    func readQword() -> UInt64 { VolatileMappedRegister<UInt64>(unsafeBitPattern: value).load() }

    func write(byte: UInt8) { VolatileMappedRegister<UInt8>(unsafeBitPattern: value).store(byte) }
    func write(word: UInt16) { VolatileMappedRegister<UInt16>(unsafeBitPattern: value).store(word) }
    func write(dword: UInt32) { VolatileMappedRegister<UInt32>(unsafeBitPattern: value).store(dword) }
    func write(qword: UInt64) { VolatileMappedRegister<UInt64>(unsafeBitPattern: value).store(qword) }
}
