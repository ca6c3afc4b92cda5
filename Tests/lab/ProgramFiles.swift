import Glibc
import Linux

/// A program with all that its dynamic loader wants of this machine.
enum ProgramFiles {
    /// The program, to be found at `target`, and its shared libraries.
    static func all(of program: String, at target: String) throws -> [SuppliedFile] {
        [SuppliedFile(program, at: target)] + (try libraries(of: program))
    }

    /// The shared libraries of an ELF program, at the places where it looks for them; none of a static one.
    private static func libraries(of program: String) throws -> [SuppliedFile] {
        let contents = try contentsOfFile(program, limit: 1 << 30)
        guard contents.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
            throw LabFailure("\(program) is no ELF program; copy scripts and data with --file HOST:GUEST")
        }
        // ldd fails for a static program, and says which library is missing in its output for the others.
        guard let output = try? ChildProcess.output(of: ["ldd", program], package: "libc-bin") else { return [] }
        return try output.split(separator: "\n").compactMap { line in
            if line.contains("=> not found") {
                throw LabFailure("\(program) needs a shared library that is not here:\(line)")
            }
            let words = line.split(whereSeparator: \.isWhitespace)
            return words.first { $0.hasPrefix("/") }.map { SuppliedFile(String($0), at: String($0)) }
        }
    }
}

/// The program that the lab is for.
enum SwiftletProgram {
    /// - Parameter option: a path, `none`, or nil for the release build's.
    /// - Returns: nil for none.
    static func path(_ option: String?) throws -> String? {
        if option == "none" { return nil }
        let path = option ?? "\(Cache.buildDirectory)/release/swiftlet"
        guard access(path, X_OK) == 0 else {
            throw LabFailure(
                """
                there is no swiftlet program at \(path): build it with 'swift build -c release --product swiftlet', \
                name another with --swiftlet PATH, or do without by '--swiftlet none'
                """)
        }
        return path
    }
}
