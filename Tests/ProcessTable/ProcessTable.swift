import Foundation

/// Processes as `/proc` has them (proc(5)).
public enum ProcessTable {
    /// Whether a process runs; one that has ended and was not yet waited for does not.
    public static func isRunning(_ pid: Int32) -> Bool {
        // The name before the state may have any characters in it.
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let state = status.split(separator: ")").last?.split(separator: " ").first
        else { return false }
        return state != "Z" && state != "X"
    }

    /// Waits for a process's end.
    ///
    /// - Returns: whether it came in time.
    public static func awaitEnd(of pid: Int32, seconds: Double = 60) async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while isRunning(pid) {
            if ContinuousClock.now > deadline { return false }
            try await Task.sleep(for: .milliseconds(10))
        }
        return true
    }

    public static var openDescriptors: Int { entries("/proc/self/fd") }
    public static var threads: Int { entries("/proc/self/task") }

    /// This process's children, also those that were not yet waited for.
    public static var children: [Int32] {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
        return threads.flatMap { thread in
            let list = (try? String(contentsOfFile: "/proc/self/task/\(thread)/children", encoding: .utf8)) ?? ""
            return list.split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
        }
    }

    /// Bytes of this process's memory that are its own.
    public static var privateMemory: Int {
        let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
        guard let pages, pages.count > 2, let resident = Int(pages[1]), let shared = Int(pages[2]) else { return 0 }
        return (resident - shared) * Int(getpagesize())
    }

    private static func entries(_ path: String) -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: path))?.count ?? 0
    }
}
