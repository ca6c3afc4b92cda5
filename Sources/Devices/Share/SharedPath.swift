import CLinux
import Linux

/// A path in a shared directory.
public enum SharedPath {
    /// Whether a guest finds there what the host has there.
    ///
    /// - Parameter path: from the directory on, without `.`, `..` and symbolic links.
    public static func isReachable(_ path: String, in directory: String) -> Bool {
        guard let root = try? OwnedDescriptor.open(directory, O_PATH | O_DIRECTORY) else { return false }
        var place = SharedDescriptor(root)
        for component in path.utf8.split(separator: UInt8(ascii: "/")) {
            guard let name = try? FileName(component), let next = try? HostFiles.find(name, in: place) else {
                return false
            }
            place = next
        }
        return true
    }
}
