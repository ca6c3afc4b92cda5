/// Why a kernel could not be added to a store, or removed from it.
public enum KernelStoreError: Error, Equatable, CustomStringConvertible {
    /// These packages have no kernel.
    case withoutKernel([String])
    /// There is more than one kernel, or there are modules of another one.
    case severalKernels([String])
    /// A package has a file that would come to lie somewhere else.
    case unsafePath(package: String, path: String)
    /// Something that is no package beside another file.
    case tooManyFiles
    case modulesBesidePackage
    /// There are no modules in what was given as their directory.
    case withoutModules(String)
    /// The kernel does not tell which version it is.
    case withoutVersion(String)
    case notAName(String)
    case notFound(String, present: [String])

    public var description: String {
        switch self {
        case .withoutKernel(let files):
            """
            \(files.joined(separator: ", ")): there is no boot/vmlinuz-… in it; give a package that has the kernel, such \
            as linux-image-6.1.0-18-cloud-amd64, not one that only depends on it
            """
        case .severalKernels(let versions):
            "these are of several kernels: \(versions.joined(separator: ", ")); add one at a time"
        case .unsafePath(let package, let path): "\(package): it has a file with the name '\(path)', which is refused"
        case .tooManyFiles:
            "several files can only be the Debian packages of one kernel; modules that are a directory: --modules DIR"
        case .modulesBesidePackage: "--modules is for a kernel that is a file; packages have modules of their own"
        case .withoutModules(let directory):
            "\(directory): there is no kernel module in it; give a directory such as /lib/modules/6.1.0-18-cloud-amd64"
        case .withoutVersion(let file): "\(file): the kernel does not tell its version; give it with --name"
        case .notAName(let name):
            "'\(name)' is no kernel's version: that is letters, digits, '.', '-', '+', '_' and '~', 200 at most"
        case .notFound(let name, let present):
            present.isEmpty
                ? "there is no kernel '\(name)': the store is empty"
                : "there is no kernel '\(name)' in the store; there is \(present.joined(separator: ", "))"
        }
    }
}
