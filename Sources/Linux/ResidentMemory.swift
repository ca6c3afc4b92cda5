/// How much of this process's address space has pages of its own at the moment, as `/proc/self/smaps` has it.
///
/// - Parameter range: addresses; what is mapped there must not reach beyond it.
/// - Returns: bytes; nil where the system does not tell.
public func residentSize(of range: Range<UInt>) -> UInt64? {
    guard let text = try? contentsOfFile("/proc/self/smaps", limit: 64 << 20) else { return nil }
    var total: UInt64 = 0
    var isInside = false
    for line in text.split(separator: UInt8(ascii: "\n")) {
        let words = line.split(separator: UInt8(ascii: " "))
        guard let first = words.first else { continue }
        if let start = startAddress(first) {
            isInside = range.contains(start)
        } else if isInside, first.elementsEqual("Rss:".utf8), words.count > 1 {
            total += (UInt64(String(decoding: words[1], as: UTF8.self)) ?? 0) << 10
        }
    }
    return total
}

/// - Returns: the first address of a mapping's headline, `START-END`; nil for other lines.
private func startAddress(_ word: ArraySlice<UInt8>) -> UInt? {
    let parts = word.split(separator: UInt8(ascii: "-"))
    guard parts.count == 2 else { return nil }
    return UInt(String(decoding: parts[0], as: UTF8.self), radix: 16)
}
