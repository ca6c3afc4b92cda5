/// The name of one object in the ACPI namespace: NameSeg, four characters (ACPI 6.5 §20.2.2).
struct NameSegment: Equatable, ExpressibleByStringLiteral {
    let bytes: [UInt8]

    /// One to four of `A`-`Z`, `0`-`9` and `_`, not starting with a digit; a shorter name is padded with `_`.
    /// Nil for anything else.
    init?(validating name: String) {
        let characters = Array(name.utf8)
        guard let first = characters.first, characters.count <= 4, Self.isLead(first),
            characters.allSatisfy({ Self.isLead($0) || Self.isDigit($0) })
        else { return nil }
        bytes = characters + repeatElement(UInt8(ascii: "_"), count: 4 - characters.count)
    }

    /// A name written in the source; a bad one traps the first time it is used.
    init(stringLiteral name: StaticString) {
        guard let segment = NameSegment(validating: name.description) else {
            preconditionFailure("\(name) is not an ACPI name")
        }
        self = segment
    }

    /// The first two characters of `prefix`, then the unit's number as two hexadecimal digits.
    init(_ prefix: NameSegment, unit: UInt8) {
        let digits = Array("0123456789ABCDEF".utf8)
        bytes = prefix.bytes.prefix(2) + [digits[Int(unit >> 4)], digits[Int(unit & 0xF)]]
    }

    private static func isLead(_ character: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(character) || character == UInt8(ascii: "_")
    }

    private static func isDigit(_ character: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character)
    }
}

/// A Plug and Play device id such as `PNP0501`, compressed to 32 bits (ACPI 6.5 §19.3.4).
struct EISAID: Equatable, ExpressibleByStringLiteral {
    /// The integer an AML interpreter reads.
    let value: UInt32

    /// Three upper-case letters and four upper-case hexadecimal digits. Nil for anything else.
    init?(validating id: String) {
        let characters = Array(id.utf8)
        guard characters.count == 7 else { return nil }
        var vendor: UInt16 = 0
        for character in characters.prefix(3) {
            guard (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(character) else { return nil }
            vendor = vendor << 5 | UInt16(character - UInt8(ascii: "@"))
        }
        guard characters.suffix(4).allSatisfy({ Array("0123456789ABCDEF".utf8).contains($0) }),
            let product = UInt16(id.suffix(4), radix: 16)
        else { return nil }
        value = UInt32(product.byteSwapped) << 16 | UInt32(vendor.byteSwapped)
    }

    /// An id written in the source; a bad one traps the first time it is used.
    init(stringLiteral id: StaticString) {
        guard let valid = EISAID(validating: id.description) else {
            preconditionFailure("\(id) is not an EISA id")
        }
        self = valid
    }
}
