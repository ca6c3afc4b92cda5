extension UnsafeRawBufferPointer {
    /// The value of the first eight bytes, or of all when they are fewer.
    func loadLittleEndian() -> UInt64 {
        prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Stores as many bytes of `value` as there is room for, and zeros beyond.
    func storeLittleEndian(_ value: UInt64) {
        var rest = value
        for index in indices {
            self[index] = UInt8(truncatingIfNeeded: rest)
            rest >>= 8
        }
    }

    /// What a read gets where nothing answers.
    func storeOnes() {
        for index in indices { self[index] = 0xFF }
    }
}
