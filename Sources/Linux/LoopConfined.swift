/// A value that only an event loop's thread touches, held by others.
public final class LoopConfined<Value>: @unchecked Sendable {
    // Sendable: the value is only reached on the loop's thread, or before it starts by whoever makes the value.
    public let loop: EventLoop
    /// To be used on the loop's thread only.
    public let value: Value

    public init(_ value: sending Value, loop: EventLoop) {
        self.value = value
        self.loop = loop
    }

    /// Runs `body` on the loop's thread, soon.
    public func perform(_ body: @escaping @Sendable (Value) -> Void) {
        loop.perform { [self] in body(value) }
    }
}
