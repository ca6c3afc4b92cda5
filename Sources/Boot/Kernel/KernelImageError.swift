/// Why a file cannot be booted as a kernel.
public struct KernelImageError: Error, Equatable, CustomStringConvertible {
    public enum Reason: Error, Equatable {
        case unreadable(ByteSourceError)
        /// It is something else: what it looks like.
        case notAKernel(String)
        /// Its headers contradict themselves or the file's size: in which way.
        case malformed(String)
        /// It is a kernel that cannot be booted as asked for: why, and what to do.
        case unsupported(String)
        /// The compressed kernel within it cannot be unpacked.
        case payload(DecompressionError)
    }

    /// The file's path.
    public let name: String
    public let reason: Reason

    public init(name: String, reason: Reason) {
        self.name = name
        self.reason = reason
    }

    public var description: String {
        switch reason {
        case .unreadable(let error): error.description
        case .notAKernel(let look):
            "\(name): \(look), not an x86-64 kernel; give a bzImage (such as /boot/vmlinuz-…) or an ELF vmlinux"
        case .malformed(let detail): "\(name): damaged kernel: \(detail); get the file again"
        case .unsupported(let detail): "\(name): \(detail)"
        case .payload(let error): "\(name): damaged kernel: \(error); get the file again"
        }
    }
}

extension ByteSource {
    /// The `size` bytes from `offset` on, all of which must be there.
    func header(_ size: Int, at offset: UInt64) throws(KernelImageError.Reason) -> [UInt8] {
        let bytes: [UInt8]
        do throws(ByteSourceError) {
            bytes = try prefix(size, at: offset)
        } catch {
            throw .unreadable(error)
        }
        guard bytes.count == size else { throw .malformed("the file ends within its headers") }
        return bytes
    }
}

/// `0x…`, as messages give addresses.
func hexadecimal(_ value: some BinaryInteger) -> String {
    "0x" + String(value, radix: 16)
}
