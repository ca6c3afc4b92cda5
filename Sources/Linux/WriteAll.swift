import Glibc

/// Writes all of `bytes`, however long that takes.
///
/// - Parameter name: what the descriptor is, for the error.
public func writeAll(
    _ bytes: some Collection<UInt8>, to descriptor: CInt, on name: String
) throws(SystemCallError) {
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
        let count = try systemCall("write", on: name) {
            rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        }
        rest = rest.dropFirst(count)
    }
}
