import Instructions

/// The memory behind the payload, given out and never taken back. Addresses are guest-physical ones as well.
struct Arena {
    private var next: UInt64
    let end: UInt64

    init(_ startInfo: StartInfo) {
        next = payload_end()
        var end: UInt64 = 0
        for index in 0..<startInfo.regionCount {
            let region = startInfo.region(at: index)
            if region.isMemory, region.contains(next) { end = region.end }
        }
        self.end = end
    }

    /// Memory whose contents are whatever they are.
    ///
    /// Ends the VM with status 203 when there is not enough.
    ///
    /// - Parameter alignment: a power of two.
    mutating func allocate(_ bytes: Int, alignment: UInt64 = 4096) -> UnsafeMutableRawPointer {
        let start = (next + alignment - 1) & ~(alignment - 1)
        guard start + UInt64(bytes) <= end, let pointer = UnsafeMutableRawPointer(bitPattern: UInt(start)) else {
            fail("the guest has too little memory for this payload", status: 203)
        }
        next = start + UInt64(bytes)
        return pointer
    }
}

extension UnsafeMutableRawPointer {
    /// Where a device finds it: the payload's memory is mapped to itself.
    var physical: UInt64 { UInt64(UInt(bitPattern: self)) }
}
