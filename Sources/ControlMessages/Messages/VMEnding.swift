import MachineConfiguration

/// How a machine came to its end.
public struct VMEnding: Codable, Equatable, Sendable {
    public enum Cause: String, Codable, CaseIterable, Sendable {
        /// The guest switched itself off; `code` is 0, or what it wrote to the debug-exit port.
        case poweredOff
        case reset
        /// Somebody outside ended it; `signal` is the signal that asked for it, if one did.
        case killed
        case panicked
        /// A vCPU cannot go on: a triple fault, or code that KVM cannot execute.
        case tripleFault
        /// The monitor or the host's KVM failed.
        case vmmError
    }

    public var cause: Cause
    public var code: UInt8?
    public var signal: Int32?
    /// More about it, in words.
    public var message: String?

    package init(cause: Cause, code: UInt8? = nil, signal: Int32? = nil, message: String? = nil) {
        self.cause = cause
        self.code = code
        self.signal = signal
        self.message = message
    }
}

extension VMEnding.Cause: Described {}

extension VMEnding: DescribedObject {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case cause, code, signal, message
    }

    package static let summary = "How a machine came to its end."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .cause: .required(Cause.self, "What brought the end about")
        case .code:
            .optional(UInt8.self, "With poweredOff, 0 or the status that the guest wrote to its debug-exit port")
        case .signal: .optional(Int32.self, "With killed, the number of the signal that asked for it, if one did")
        case .message: .optional(String.self, "More about it, for people")
        }
    }
}
