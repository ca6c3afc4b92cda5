import Glibc
import SystemPackage

/// A system call that failed: which one, on what, and why.
public struct SystemCallError: Error, Equatable, CustomStringConvertible {
    /// The call's name as its manual page has it, such as `mmap`.
    public let call: String
    /// What it was called on or for: a path or a few words; empty where the call says it all.
    public let subject: String
    public let errno: Errno

    public init(_ call: String, on subject: String = "", errno: Errno) {
        self.call = call
        self.subject = subject
        self.errno = errno
    }

    public var description: String {
        subject.isEmpty ? "\(call): \(errno)" : "\(subject): \(call): \(errno)"
    }
}

/// The calling thread's `errno`.
@inlinable
public var currentErrno: Errno { Errno(rawValue: Glibc.errno) }

/// Runs a system call that answers -1 on failure, again whenever a signal interrupted it.
///
/// - Throws: `SystemCallError` with the call's `errno`.
@inlinable
@discardableResult
public func systemCall<Result: SignedInteger>(
    _ name: @autoclosure () -> String, on subject: @autoclosure () -> String = "", _ body: () -> Result
) throws(SystemCallError) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let errno = currentErrno
        if errno != .interrupted { throw SystemCallError(name(), on: subject(), errno: errno) }
    }
}
