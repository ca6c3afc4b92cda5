import Boot
import Glibc

/// The user's own places for files (XDG Base Directory Specification 0.8).
enum UserDirectories {
    /// For what can be made anew, `$XDG_CACHE_HOME/swiftlet`; nil for a user without a home.
    static var cache: String? {
        if let cache = variable("XDG_CACHE_HOME") { return cache + "/swiftlet" }
        return variable("HOME").map { $0 + "/.cache/swiftlet" }
    }

    /// For kernels that were unpacked; nil to unpack them each time.
    static var kernelCache: KernelCache? { cache.map { KernelCache(directory: $0 + "/kernels") } }

    /// For what the user put there, `$XDG_DATA_HOME/swiftlet`; nil for a user without a home.
    static var data: String? {
        if let data = variable("XDG_DATA_HOME") { return data + "/swiftlet" }
        return variable("HOME").map { $0 + "/.local/share/swiftlet" }
    }

    /// For what is about processes that run, `$XDG_RUNTIME_DIR/swiftlet`, and something like it where that is not set.
    static var runtime: String {
        if let runtime = variable("XDG_RUNTIME_DIR") { return runtime + "/swiftlet" }
        let user = geteuid()
        if access("/run/user/\(user)", W_OK | X_OK) == 0 { return "/run/user/\(user)/swiftlet" }
        return user == 0 ? "/run/swiftlet" : "/tmp/swiftlet-\(user)"
    }

    /// The specification wants relative paths ignored.
    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
    }
}
