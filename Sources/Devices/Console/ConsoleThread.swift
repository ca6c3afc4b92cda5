import Linux

/// The thread that moves a console's bytes between the guest's port and two descriptors.
public struct ConsoleThread: ~Copyable, Sendable {
    private let console: Console
    private let thread: NativeThread

    /// Starts moving bytes. The process must ignore SIGPIPE, so that an output whose reader has gone is an event.
    ///
    /// - Parameters:
    ///   - port: the port that was made with `console`.
    ///   - input: where input comes from; nil for none. Read only while the guest takes input.
    ///   - output: where output goes. Neither descriptor's flags are changed; both must stay open until the
    ///     thread has ended.
    ///   - interactive: whether input is a terminal in raw mode, whose user can leave by `InteractiveEscape`.
    ///   - tap: is shown all output once and in order, on the thread, before it is written.
    ///   - report: called on the thread.
    public init(
        console: Console, port: any ConsolePort, input: CInt?, output: CInt, interactive: Bool = false,
        tap: (@Sendable (UnsafeRawBufferPointer) -> Void)? = nil,
        report: @escaping @Sendable (ConsoleEvent) -> Void
    ) throws(SystemCallError) {
        let pump = try ConsolePump(
            console: console, port: port, input: input, output: output, interactive: interactive,
            tap: tap, report: report)
        thread = try NativeThread(name: "console") { pump.run() }
        self.console = console
    }

    /// Lets the thread end once all output is written, however long its reader takes. No vCPU may run any more.
    public func finish() {
        console.advance(to: .finishing)
    }

    /// Lets the thread end now. Output that is not written yet is shown to the tap and dropped.
    public func stop() {
        console.advance(to: .stopped)
    }

    /// Waits for the thread's end, which `finish()` or `stop()` brings.
    public consuming func join() {
        thread.join()
    }
}
