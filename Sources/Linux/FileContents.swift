import Glibc

/// Reads all of a file, whatever its size says: it may be a pipe or under `/proc`, or change meanwhile.
///
/// - Parameter limit: bytes; a file with more fails with `EFBIG`.
public func contentsOfFile(_ path: String, limit: Int) throws(SystemCallError) -> [UInt8] {
    let file = try OwnedDescriptor.open(path, O_RDONLY)
    let expected = Int(clamping: try file.status().st_size)
    var contents: [UInt8] = []
    contents.reserveCapacity(min(max(expected, 0), limit))
    // One byte more than expected lets the usual case end with the read that finds the file's end.
    var chunk = min(max(expected, 0), 1 << 20) + 1
    while true {
        let count = contents.count
        guard count <= limit else { throw SystemCallError("read", on: path, errno: .fileTooLarge) }
        let part = try readPart(of: file.rawValue, path, chunk)
        if part.isEmpty { return contents }
        contents += part
        chunk = max(chunk, 64 << 10)
    }
}

private func readPart(of file: CInt, _ path: String, _ count: Int) throws(SystemCallError) -> [UInt8] {
    var failure: SystemCallError?
    let part = [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
        do throws(SystemCallError) {
            initializedCount = try systemCall("read", on: path) { read(file, buffer.baseAddress, buffer.count) }
        } catch {
            failure = error
        }
    }
    if let failure { throw failure }
    return part
}
