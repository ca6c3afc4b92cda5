import Glibc

/// The program that is a whole user land: it must be a static one.
struct Busybox {
    static let standard = "/bin/busybox"

    let path: String

    init(path: String) throws {
        guard access(path, X_OK) == 0 else {
            throw LabFailure("there is no busybox at \(path); install Debian's package 'busybox-static'")
        }
        guard (try? ChildProcess.output(of: ["ldd", path], package: "libc-bin")) == nil else {
            throw LabFailure("\(path) needs shared libraries; install Debian's package 'busybox-static' in its place")
        }
        self.path = path
    }

    /// The names under which it can be called, other than its own.
    var applets: [String] {
        get throws {
            let list = try ChildProcess.output(of: [path, "--list"], package: "busybox-static")
            return list.split(separator: "\n").map(String.init).filter { $0 != "busybox" }
        }
    }
}
