/// A piece of ACPI Machine Language: a term, an expression or a data object, encoded (ACPI 6.5 §20.2).
///
/// The functions below build a tree the way ASL writes it; each names the production of the grammar it encodes.
struct AML: Equatable {
    let bytes: [UInt8]

    private init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }
}

// MARK: - Data objects

extension AML {
    /// ComputationalData (§20.2.3): the shortest of ZeroOp, OneOp, OnesOp, ByteConst, WordConst, DWordConst and
    /// QWordConst. OnesOp is 64 bits wide because the DSDT's revision is 2.
    static func integer(_ value: UInt64) -> AML {
        var code = LittleEndianBytes()
        switch value {
        case 0: code.append(UInt8(0x00))
        case 1: code.append(UInt8(0x01))
        case .max: code.append(UInt8(0xFF))
        case ...0xFF:
            code.append(UInt8(0x0A))
            code.append(UInt8(truncatingIfNeeded: value))
        case ...0xFFFF:
            code.append(UInt8(0x0B))
            code.append(UInt16(truncatingIfNeeded: value))
        case ...0xFFFF_FFFF:
            code.append(UInt8(0x0C))
            code.append(UInt32(truncatingIfNeeded: value))
        default:
            code.append(UInt8(0x0E))
            code.append(value)
        }
        return AML(code.bytes)
    }

    /// String (§20.2.3): StringPrefix AsciiCharList NullChar. Written in the source; anything but ASCII traps.
    static func string(_ text: StaticString) -> AML {
        precondition(text.isASCII, "an AML string is ASCII")
        return AML([0x0D] + Array(text.description.utf8) + [0x00])
    }

    /// The integer that the ASL macro EISAID stands for (§19.6.38).
    static func eisaID(_ id: EISAID) -> AML {
        integer(UInt64(id.value))
    }

    /// DefBuffer (§20.2.5.4): BufferOp PkgLength BufferSize ByteList.
    static func buffer(_ content: [UInt8]) -> AML {
        package(opcode: [0x11], integer(UInt64(content.count)).bytes + content)
    }

    /// DefPackage (§20.2.5.4): PackageOp PkgLength NumElements PackageElementList; at most 255 elements.
    static func package(_ elements: AML...) -> AML {
        package(opcode: [0x12], [UInt8(elements.count)] + elements.flatMap(\.bytes))
    }

    /// The buffer that the ASL term ResourceTemplate stands for (§19.6.113): descriptors, then an end tag (§6.4.2.9)
    /// whose checksum of zero means that there is none.
    static func resourceTemplate(_ descriptors: [ResourceDescriptor]) -> AML {
        buffer(descriptors.flatMap(\.bytes) + [0x79, 0x00])
    }
}

// MARK: - Named objects

extension AML {
    /// DefName (§20.2.5.1): NameOp NameString DataRefObject.
    static func name(_ name: NameSegment, _ object: AML) -> AML {
        AML([0x08] + name.bytes + object.bytes)
    }

    /// DefScope (§20.2.5.1): ScopeOp PkgLength NameString TermList.
    static func scope(_ name: NameSegment, _ terms: [AML]) -> AML {
        package(opcode: [0x10], name.bytes + terms.flatMap(\.bytes))
    }

    /// DefDevice (§20.2.5.2): DeviceOp PkgLength NameString TermList.
    static func device(_ name: NameSegment, _ terms: [AML]) -> AML {
        package(opcode: [0x5B, 0x82], name.bytes + terms.flatMap(\.bytes))
    }

    /// DefOpRegion (§20.2.5.2): OpRegionOp NameString RegionSpace RegionOffset RegionLen, for ports (SystemIO).
    static func ports(_ name: NameSegment, _ first: UInt16, count: UInt8) -> AML {
        AML([0x5B, 0x80] + name.bytes + [0x01] + integer(UInt64(first)).bytes + integer(UInt64(count)).bytes)
    }

    /// DefField (§20.2.5.2): FieldOp PkgLength NameString FieldFlags FieldList, with units of 32 bits one after the other
    /// that are accessed whole (DWordAcc, NoLock, WriteAsZeros).
    static func dwords(of region: NameSegment, _ names: [NameSegment]) -> AML {
        package(opcode: [0x5B, 0x81], region.bytes + [0x43] + names.flatMap { $0.bytes + [32] })
    }

    /// DefMethod (§20.2.5.2): MethodOp PkgLength NameString MethodFlags TermList; not serialized.
    ///
    /// - Parameter argumentCount: 0 to 7.
    static func method(_ name: NameSegment, argumentCount: UInt8, _ terms: [AML]) -> AML {
        package(opcode: [0x14], name.bytes + [argumentCount & 0x7] + terms.flatMap(\.bytes))
    }
}

// MARK: - Statements and expressions

extension AML {
    /// ArgObj (§20.2.6.1): a method's argument.
    ///
    /// - Parameter index: 0 to 6.
    static func argument(_ index: UInt8) -> AML { AML([0x68 + index & 0x7]) }

    /// The value of a named object: NameString (§20.2.2).
    static func value(of name: NameSegment) -> AML { AML(name.bytes) }

    /// DefIfElse (§20.2.5.3) without an else: IfOp PkgLength Predicate TermList, where the predicate is DefLEqual
    /// (§20.2.5.4): LequalOp Operand Operand.
    static func ifEqual(_ left: AML, _ right: AML, _ terms: [AML]) -> AML {
        package(opcode: [0xA0], [0x93] + left.bytes + right.bytes + terms.flatMap(\.bytes))
    }

    /// The same where the predicate is DefAnd (§20.2.5.4): AndOp Operand Operand Target, with no target.
    static func ifAnySet(_ bits: AML, in value: AML, _ terms: [AML]) -> AML {
        package(opcode: [0xA0], [0x7B] + value.bytes + bits.bytes + [0x00] + terms.flatMap(\.bytes))
    }

    /// DefNotify (§20.2.5.3): NotifyOp NotifyObject NotifyValue.
    static func notify(_ device: NameSegment, _ value: AML) -> AML {
        AML([0x86] + device.bytes + value.bytes)
    }

    /// DefStore (§20.2.5.4): StoreOp TermArg SuperName.
    static func store(_ value: AML, in name: NameSegment) -> AML {
        AML([0x70] + value.bytes + name.bytes)
    }

    /// MethodInvocation (§20.2.5): NameString TermArgList, of a method in the scope at hand or one around it.
    static func call(_ method: NameSegment, _ arguments: AML...) -> AML {
        AML(method.bytes + arguments.flatMap(\.bytes))
    }

    /// The same of a method somewhere else: RootChar MultiNamePath (§20.2.2), of two segments or more.
    static func call(atRoot path: [NameSegment]) -> AML {
        AML([0x5C, 0x2F, UInt8(path.count)] + path.flatMap(\.bytes))
    }
}

// MARK: - Package lengths

extension AML {
    /// PkgLength (§20.2.4) of a package with `contentCount` bytes after it; the length counts its own bytes too.
    ///
    /// One byte holds a length up to 63; more bytes hold 4 bits in the first and 8 in each of the rest, up to 2^28-1.
    static func packageLength(contentCount: Int) -> [UInt8] {
        if contentCount + 1 <= 63 { return [UInt8(contentCount + 1)] }
        for followingBytes in 1...3 {
            let length = contentCount + 1 + followingBytes
            guard length < 1 << (4 + 8 * followingBytes) else { continue }
            let lead = UInt8(followingBytes << 6 | length & 0xF)
            return [lead] + (0..<followingBytes).map { UInt8(truncatingIfNeeded: length >> (4 + 8 * $0)) }
        }
        preconditionFailure("an AML package of \(contentCount) bytes")
    }

    private static func package(opcode: [UInt8], _ content: [UInt8]) -> AML {
        AML(opcode + packageLength(contentCount: content.count) + content)
    }
}
