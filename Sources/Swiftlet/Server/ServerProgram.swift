import CLinux
import ControlMessages
import Glibc

/// The program `swiftlet`, which is the machine.
struct ServerProgram: Sendable {
    /// The environment variable that names it.
    static let variable = "SWIFTLET_BINARY"
    static let protocolVersion = Hello.currentProtocol
    private static let name = "swiftlet"

    let path: String
    /// How long it may take to say that it is there, in nanoseconds.
    var helloLimit: UInt64 = 30_000_000_000

    /// Finds it: where `variable` says and nowhere else, or beside this process's own program, or in `PATH`.
    static func find() throws(MicroVMError) -> ServerProgram {
        try find(beside: ownDirectory()) { name in getenv(name).map { String(cString: $0) } }
    }

    static func find(
        beside own: String?, environment: (String) -> String?
    ) throws(MicroVMError) -> ServerProgram {
        if let path = environment(variable), !path.isEmpty {
            guard isProgram(path) else {
                throw .programNotFound(tried: ["\(variable) names \(path), which is no file that can be executed"])
            }
            // A name without a slash would be looked for in PATH.
            return ServerProgram(path: path.contains("/") ? path : "./\(path)")
        }
        let path = environment("PATH")?.split(separator: ":").map(String.init) ?? []
        for directory in [own].compactMap({ $0 }) + path where isProgram("\(directory)/\(name)") {
            return ServerProgram(path: "\(directory)/\(name)")
        }
        throw .programNotFound(
            tried: [
                "\(variable) is not set", "there is none in \(own ?? "an unknown directory"), where this program is",
                path.isEmpty ? "PATH is empty" : "and none in PATH, which is \(path.joined(separator: ":"))",
            ])
    }

    private static func isProgram(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }

    private static func ownDirectory() -> String? {
        let path = [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer, count in
            buffer.withMemoryRebound(to: CChar.self) { buffer in
                guard let start = buffer.baseAddress else { return }
                count = max(0, readlink("/proc/self/exe", start, buffer.count))
            }
        }
        guard let slash = path.lastIndex(of: UInt8(ascii: "/")), slash > 0 else { return nil }
        return String(decoding: path[..<slash], as: UTF8.self)
    }
}
