import System

/// Files of the kernel's with a few words in them.
enum SmallFile {
    @discardableResult
    static func write(_ path: StaticString, _ contents: StaticString) -> CInt {
        write(path, contents.utf8Start, contents.utf8CodeUnitCount)
    }

    @discardableResult
    static func write(_ path: StaticString, number: UInt64) -> CInt {
        var digits: [UInt8] = []
        var rest = number
        repeat {
            digits.insert(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10), at: 0)
            rest /= 10
        } while rest > 0
        return write(path, digits, digits.count)
    }

    /// - Returns: an errno, or 0.
    private static func write(_ path: StaticString, _ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
        let file = open_file(text(path), O_WRONLY)
        guard file >= 0 else { return last_error() }
        defer { close(file) }
        return System.write(file, bytes, count) == count ? 0 : last_error()
    }

    /// The number at the beginning of a file, or of the line that begins with `key`; 0 where there is none.
    static func number(_ path: StaticString, after key: StaticString = "") -> UInt64 {
        let file = open_file(text(path), O_RDONLY)
        guard file >= 0 else { return 0 }
        defer { close(file) }
        var contents = [UInt8](repeating: 0, count: 512)
        let count = max(read(file, &contents, contents.count), 0)
        var start = 0
        while start < count,
            !contents[start..<count].starts(
                with: UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
        {
            while start < count, contents[start] != UInt8(ascii: "\n") { start += 1 }
            start += 1
        }
        var number: UInt64 = 0
        for digit in contents[min(start, count)..<count].dropFirst(key.utf8CodeUnitCount) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { break }
            number = number &* 10 &+ UInt64(digit - UInt8(ascii: "0"))
        }
        return number
    }
}
