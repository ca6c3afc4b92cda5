import Linux
import SystemPackage

/// Runs a system call that answers -1 on failure, again whenever a signal interrupted it.
///
/// - Throws: the call's `errno`, which is what a guest is answered.
@discardableResult
func hostCall<Result: SignedInteger>(_ body: () -> Result) throws(Errno) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let errno = currentErrno
        if errno != .interrupted { throw errno }
    }
}
