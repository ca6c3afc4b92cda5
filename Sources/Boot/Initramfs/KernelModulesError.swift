import Linux

/// Why a kernel's modules could not be had.
public enum KernelModulesError: Error, Equatable, CustomStringConvertible {
    case unreadable(directory: String, SystemCallError)
    /// Neither a file nor built in. `neededBy` is empty for a module that was asked for.
    case notFound(module: String, neededBy: String, directory: String)
    case notDecompressed(file: String, DecompressionError)
    /// The file has no `.modinfo` section of an ELF64 file.
    case notAModule(file: String)

    public var description: String {
        switch self {
        case .unreadable(let directory, let error):
            "the kernel modules in \(directory) cannot be read: \(error)"
        case .notFound(let module, let neededBy, let directory):
            """
            there is no module '\(module)'\(neededBy.isEmpty ? "" : ", which '\(neededBy)' needs,") in \(directory), \
            nor is it built into that kernel; give the directory of the kernel's modules, as /lib/modules/VERSION is
            """
        case .notDecompressed(let file, let error):
            "the kernel module \(file) cannot be unpacked: \(error)"
        case .notAModule(let file):
            "\(file) is not a kernel module: it is no 64-bit ELF file with a .modinfo section"
        }
    }
}
