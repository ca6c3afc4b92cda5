/// The device through which a guest uses its console, from the side of the pump that serves it.
public protocol ConsolePort: AnyObject, Sendable {
    /// How many bytes of input the port takes now. When it is none, the console is woken as soon as there is
    /// room again.
    func roomForInput() -> Int

    /// Gives the guest input.
    ///
    /// - Returns: how many bytes, from the first on, the port took. When it did not take all, the console is
    ///   woken as soon as there is room again.
    func receive(_ bytes: UnsafeRawBufferPointer) -> Int

    /// Tells the guest, if it waits for that, that the console has room for output again.
    func roomMade()
}
