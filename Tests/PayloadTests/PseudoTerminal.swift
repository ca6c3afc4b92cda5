import CLinux
import Glibc
import Linux

/// A terminal whose keyboard and screen are the test's.
final class PseudoTerminal {
    let primary: OwnedDescriptor
    /// Held open, so that the settings outlive the program.
    private let secondary: OwnedDescriptor
    /// Its device file.
    let path: String

    init() throws {
        var ends: (primary: CInt, secondary: CInt) = (-1, -1)
        var name = [CChar](repeating: 0, count: 128)
        // openpty(3) cannot make them close-on-exec by itself.
        try Launch.lock.withLock { _ in
            try systemCall("openpty") { openpty(&ends.primary, &ends.secondary, &name, nil, nil) }
            for end in [ends.primary, ends.secondary] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        }
        primary = OwnedDescriptor(adopting: ends.primary)
        secondary = OwnedDescriptor(adopting: ends.secondary)
        path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func type(_ text: String) {
        var text = text
        text.withUTF8 { _ = Glibc.write(primary.rawValue, $0.baseAddress, $0.count) }
    }

    /// Whether every key goes to the program untouched; nil between the two manners.
    var isRaw: Bool? {
        var settings = termios()
        tcgetattr(secondary.rawValue, &settings)
        let input = settings.c_lflag & tcflag_t(ICANON | ECHO | ISIG)
        let output = settings.c_oflag & tcflag_t(OPOST)
        if input == 0, output == 0 { return true }
        return input == tcflag_t(ICANON | ECHO | ISIG) && output != 0 ? false : nil
    }
}
