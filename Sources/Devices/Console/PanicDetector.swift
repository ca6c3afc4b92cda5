/// Finds a Linux kernel's own announcement that it panicked, in its console's output.
///
/// It takes only what stands at the start of a line, after the log level and the time stamp that the kernel may
/// put there (`<0>`, `[    1.234567] `, `[    T1] `). Its memory is constant, and its work a few steps a byte.
public struct PanicDetector: Sendable {
    public enum Finding: Comparable, Sendable {
        case none
        /// `Kernel panic - not syncing: …` was seen. The kernel still prints what it knows.
        case panicked
        /// `---[ end Kernel panic - not syncing: …` was seen, to the end of its line: the kernel has said all.
        case ended
    }

    public private(set) var finding = Finding.none

    private enum Place {
        case lineStart
        /// Within `<0>` or `[    1.234567]`; the byte that ends it.
        case prefix(until: UInt8)
        case afterPrefix
        /// So many bytes of the announcement have matched.
        case matching(Announcement, Int)
        case reason
        /// Nothing of interest up to the end of the line.
        case elsewhere
    }

    private enum Announcement {
        case start, end

        var text: StaticString {
            switch self {
            case .start: "Kernel panic - not syncing:"
            case .end: "---[ end Kernel panic - not syncing:"
            }
        }
    }

    private var place = Place.lineStart
    private var isLastLine = false
    private var reasonBytes = [200 of UInt8](repeating: 0)
    private var reasonCount = 0

    public init() {}

    /// Takes the next bytes of output.
    public mutating func consume(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes { consume(byte) }
    }

    /// Why the kernel panicked, as it said itself: at most 200 characters, those that are not printable replaced
    /// by `?`. Nil without a panic; it may grow until the line has ended.
    public var reason: String? {
        guard finding != .none else { return nil }
        var text = ""
        for index in 0..<reasonCount { text.unicodeScalars.append(Unicode.Scalar(reasonBytes[index])) }
        // The end's line goes on after the reason.
        if text.hasSuffix(" ]---") { text.removeLast(5) }
        return text
    }

    private mutating func consume(_ byte: UInt8) {
        guard byte != UInt8(ascii: "\n"), byte != UInt8(ascii: "\r") else {
            if isLastLine, byte == UInt8(ascii: "\n") { finding = .ended }
            place = .lineStart
            return
        }
        switch place {
        case .lineStart, .afterPrefix: startOfLine(byte)
        case .prefix(let last): prefix(byte, until: last)
        case .matching(let announcement, let count): match(byte, announcement, count)
        case .reason: keep(byte)
        case .elsewhere: break
        }
    }

    private mutating func startOfLine(_ byte: UInt8) {
        switch (byte, place) {
        case (UInt8(ascii: "<"), .lineStart): place = .prefix(until: UInt8(ascii: ">"))
        case (UInt8(ascii: "["), _): place = .prefix(until: UInt8(ascii: "]"))
        case (UInt8(ascii: " "), .afterPrefix): break
        case (UInt8(ascii: "K"), _): place = .matching(.start, 1)
        case (UInt8(ascii: "-"), _): place = .matching(.end, 1)
        default: place = .elsewhere
        }
    }

    /// A level is digits; a time stamp is digits and a point; a caller, T or C with digits.
    private mutating func prefix(_ byte: UInt8, until last: UInt8) {
        switch byte {
        case last: place = .afterPrefix
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: " "), UInt8(ascii: "."), UInt8(ascii: "T"),
            UInt8(ascii: "C"):
            break
        default: place = .elsewhere
        }
    }

    private mutating func match(_ byte: UInt8, _ announcement: Announcement, _ count: Int) {
        let text = announcement.text
        guard count < text.utf8CodeUnitCount, text.withUTF8Buffer({ $0[count] }) == byte else {
            place = .elsewhere
            return
        }
        place = .matching(announcement, count + 1)
        guard count + 1 == text.utf8CodeUnitCount else { return }
        switch announcement {
        case .start:
            finding = max(finding, .panicked)
            // The latest counts: user space may have said the like before, but nothing after.
            reasonCount = 0
            place = .reason
        case .end:
            finding = max(finding, .panicked)
            isLastLine = true
            place = reasonCount == 0 ? .reason : .elsewhere
        }
    }

    private mutating func keep(_ byte: UInt8) {
        guard reasonCount < reasonBytes.count, reasonCount > 0 || byte != UInt8(ascii: " ") else { return }
        reasonBytes[reasonCount] = (0x20..<0x7f).contains(byte) ? byte : UInt8(ascii: "?")
        reasonCount += 1
    }
}
