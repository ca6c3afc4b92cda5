import ControlMessages
import Glibc

/// stderr, for messages: names of files in them may be a guest's choice. What cannot be written there is lost.
struct StandardError: TextOutputStream {
    func write(_ text: String) {
        var text = text.replacingControls(except: "\n", "\t")
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let written = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
                if written < 0 && errno == EINTR { continue }
                guard written > 0 else { return }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
            }
        }
    }
}

let standardError = StandardError()
