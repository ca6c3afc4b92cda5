import System

/// Tells the guest's console what went wrong: nobody else may be there to hear it.
///
/// - Parameter errno: 0 where none belongs to it.
func say(_ text: StaticString, _ subject: UnsafePointer<CChar>? = nil, errno: CInt = 0) {
    write(2, "swiftlet-agent: ", 16)
    write(2, text.utf8Start, text.utf8CodeUnitCount)
    if let subject {
        write(2, " ", 1)
        write(2, subject, strlen(subject))
    }
    if errno != 0 {
        write(2, ": ", 2)
        write(2, strerror(errno), strlen(strerror(errno)))
    }
    write(2, "\n", 1)
}

/// A literal as C has it.
func text(_ literal: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
}
