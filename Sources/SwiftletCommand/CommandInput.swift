import Devices
import Glibc
import Linux

/// stdin as a command in a guest has it.
///
/// A terminal that is the command's is raw from `start` on, and its user can leave by `InteractiveEscape` whatever the guest
/// does or does not. While this process is in the background the terminal belongs to others: it is not read, nor set.
final class CommandInput {
    private let terminal: Terminal?
    private let loop: EventLoop
    private let resized: () -> Void
    private var reader: InputReader?
    private var isWaiting = false

    /// - Parameters:
    ///   - terminal: stdin, where it is the command's; nil where the command has none.
    ///   - resized: called when `size` may have changed.
    init(_ terminal: consuming Terminal?, on loop: EventLoop, resized: @escaping () -> Void) {
        self.terminal = terminal
        self.loop = loop
        self.resized = resized
    }

    /// In characters; nil where there is no terminal or it does not know.
    var size: (columns: UInt16, rows: UInt16)? { terminal?.size() }

    /// Has the input reported from now on.
    func start(_ report: @escaping (InputReader.Event) -> Void) {
        reader = InputReader(
            STDIN_FILENO, escape: terminal == nil ? nil : InteractiveEscape(), on: loop, report: report)
        takeTerminal()
    }

    /// To be called when a piece of input was taken.
    func resume() {
        reader?.resume()
    }

    /// Gives the terminal back for good.
    func stop() {
        reader?.stop()
        reader = nil
        terminal?.restore()
    }

    /// To be called for SIGTSTP.
    func stopProcess() {
        if terminal == nil { raise(SIGSTOP) } else { terminal?.stopProcess() }
        takeTerminal()
    }

    /// Makes the terminal raw, as soon as it is this process's. To be called for SIGCONT, too.
    func takeTerminal() {
        guard reader != nil, terminal != nil else { return }
        guard !Terminal.isOfOthers(STDIN_FILENO) else { return takeTerminalLater() }
        // Where the terminal cannot be set, it stays as its user has it.
        _ = try? terminal?.enterRawMode()
        resized()
    }

    /// bash does not tell a job that runs when it puts it in the foreground.
    private func takeTerminalLater() {
        guard !isWaiting else { return }
        isWaiting = true
        loop.schedule(after: Terminal.backgroundPause) { [weak self] in
            self?.isWaiting = false
            self?.takeTerminal()
        }
    }
}
