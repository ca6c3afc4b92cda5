import MachineConfiguration

/// What a field of the configuration names cannot be used: a file, an interface, a socket.
public struct FieldError: Error, CustomStringConvertible {
    /// A JSON pointer (RFC 6901) into the configuration, such as `/disks/0/path`.
    public let field: String
    /// What failed, on what, and why.
    public let cause: any Error

    public var description: String { "\(cause)" }

    /// Does `body`, and names the field for what it throws, unless that names one itself.
    static func naming<Value>(_ field: @autoclosure () -> String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw FieldError(field: field(), cause: error)
        }
    }
}
