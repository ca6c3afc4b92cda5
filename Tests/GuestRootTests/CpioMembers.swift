import Boot

/// A member of a cpio archive, as the kernel reads it.
struct CpioMember: Equatable {
    var name = ""
    var inode = 0
    var mode = 0
    var user = 0
    var group = 0
    var links = 0
    var modified = 0
    var device = [0, 0]
    var contents: [UInt8] = []

    var text: String { String(decoding: contents, as: UTF8.self) }

    /// The members of concatenated archives, each archive's end included.
    static func all(of source: ByteSource) throws -> [CpioMember] {
        let bytes = try source.prefix(.max)
        var members: [CpioMember] = []
        var position = 0
        func take(_ count: Int) throws -> ArraySlice<UInt8> {
            guard position + count <= bytes.count else { throw Malformed(position: position) }
            defer { position += count }
            return bytes[position...].prefix(count)
        }
        while position < bytes.count {
            if bytes[position] == 0 {
                position += 1
                continue
            }
            guard position.isMultiple(of: 4), try take(6).elementsEqual("070701".utf8) else {
                throw Malformed(position: position)
            }
            let fields = try (0..<13).map { _ in Int(String(decoding: try take(8), as: UTF8.self), radix: 16) ?? -1 }
            var member = CpioMember(
                inode: fields[0], mode: fields[1], user: fields[2], group: fields[3], links: fields[4],
                modified: fields[5], device: [fields[9], fields[10]])
            let name = try take(fields[11])
            guard name.last == 0, !name.dropLast().contains(0) else { throw Malformed(position: position) }
            member.name = String(decoding: name.dropLast(), as: UTF8.self)
            position = (position + 3) & ~3
            member.contents = Array(try take(fields[6]))
            position = (position + 3) & ~3
            members.append(member)
        }
        return members
    }

    struct Malformed: Error {
        let position: Int
    }
}
