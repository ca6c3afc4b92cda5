import CLinux
import Linux

/// Gets at the ELF kernel that a bzImage carries in compressed form.
struct KernelUnpacker {
    struct Unpacked {
        let image: ELFImage
        let source: ByteSource
    }

    /// The most bytes of a kernel: Linux itself maps no more than 1 GiB of it (KERNEL_IMAGE_SIZE).
    private static let mostUnpackedBytes: UInt64 = 1 << 30
    private static let mostPackedBytes: UInt64 = 512 << 20

    private let bzImage: BzImage
    private let source: ByteSource
    private let format: Compression
    private let cache: KernelCache?

    /// - Returns: nil where the compressed format is not known.
    init?(_ bzImage: BzImage, in source: ByteSource, cache: KernelCache?) throws(KernelImageError.Reason) {
        let magicCount = min(bzImage.payloadCount, UInt64(Compression.magicCount))
        let magic = try ELFImage.read(source, Int(magicCount), at: bzImage.payloadOffset)
        guard let format = magic.withUnsafeBytes({ Compression.detect($0) }) else { return nil }
        self.bzImage = bzImage
        self.source = source
        self.format = format
        self.cache = cache
    }

    /// Takes the kernel from the cache, or unpacks it into memory and leaves a copy in the cache.
    func unpack() throws(KernelImageError.Reason) -> Unpacked {
        let identity = source.fileStatus().map { FileIdentity($0) }
        if let cache, let identity, let known = validated(cache.entry(for: identity)) { return known }

        let packed = try readPacked()
        let bytes = UnsafeRawBufferPointer(packed.bytes)
        guard let cache else { return try decompress(bytes) }
        let hash = ContentHash(bytes)
        // Files that changed while they were read are not remembered.
        defer {
            if let identity, source.fileStatus().map({ FileIdentity($0) }) == identity {
                cache.remember(identity, as: hash)
            }
        }
        if let known = validated(cache.entry(for: hash)) { return known }
        let unpacked = try decompress(bytes)
        unpacked.source.withMemory { cache.store($0, as: hash) }
        return unpacked
    }

    /// - Returns: nil also for an entry that is no kernel.
    private func validated(_ entry: ByteSource?) -> Unpacked? {
        guard let entry, let image = try? ELFImage(entry) else { return nil }
        return Unpacked(image: image, source: entry)
    }

    private func readPacked() throws(KernelImageError.Reason) -> MemoryMapping {
        guard bzImage.payloadCount <= Self.mostPackedBytes else {
            throw .malformed("its compressed part of \(bzImage.payloadCount) bytes is larger than any kernel's")
        }
        let mapping = try allocate(bzImage.payloadCount)
        do throws(ByteSourceError) {
            try source.read(into: mapping.bytes, at: bzImage.payloadOffset)
        } catch {
            throw .unreadable(error)
        }
        return mapping
    }

    private func decompress(_ packed: UnsafeRawBufferPointer) throws(KernelImageError.Reason) -> Unpacked {
        // The kernel's build writes the unpacked size behind the stream, where gzip has it of its own accord.
        let sizeCount = MemoryLayout<UInt32>.size
        guard packed.count > sizeCount else { throw .payload(.truncated(format)) }
        let size = UInt64(Fields([UInt8](packed.suffix(sizeCount))).read(0, as: UInt32.self))
        guard size > 0, size <= min(bzImage.initSize, Self.mostUnpackedBytes) else {
            throw .malformed("it claims to be \(size) bytes unpacked, which its header contradicts")
        }
        let stream = format == .gzip ? packed : UnsafeRawBufferPointer(rebasing: packed.dropLast(sizeCount))

        let mapping = try allocate(size)
        let made: Int
        do throws(DecompressionError) {
            made = try format.decompress(stream, into: mapping.bytes)
        } catch {
            throw .payload(error)
        }
        guard made == mapping.count else { throw .payload(.truncated(format)) }
        let unpacked = ByteSource(mapping: mapping, name: source.name)
        return Unpacked(image: try ELFImage(unpacked), source: unpacked)
    }

    private func allocate(_ count: UInt64) throws(KernelImageError.Reason) -> MemoryMapping {
        do throws(SystemCallError) {
            let mapping = try MemoryMapping.anonymous(count: Int(count), subject: "unpacking the kernel")
            // Saves thousands of page faults; a kernel without huge pages refuses, and small ones do as well.
            madvise(mapping.start, mapping.count, MADV_HUGEPAGE)
            return mapping
        } catch {
            throw .unreadable(ByteSourceError(name: source.name, problem: .system(error)))
        }
    }
}
