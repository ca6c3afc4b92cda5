import MachineConfiguration

/// Makes the machine, of which a server has one: everything is checked and loaded, nothing of the guest runs.
public enum VMCreate: ControlMethod {
    public static let name = "vm.create"

    public struct Params: Codable, Sendable {
        public var config: VMConfiguration

        private enum CodingKeys: CodingKey, CaseIterable {
            case config
        }

        public init(config: VMConfiguration) {
            self.config = config
        }

        public init(from decoder: any Decoder) throws {
            config = try Fields<CodingKeys>(of: decoder).require(.config)
        }
    }

    public struct Result: Codable, Sendable {
        public var id: String

        package init(id: String) {
            self.id = id
        }
    }
}

/// The state that a machine came into.
public struct StateResult: Codable, Equatable, Sendable {
    public var state: VMState

    package init(state: VMState) {
        self.state = state
    }
}

public enum VMStart: ControlMethod {
    public static let name = "vm.start"
    public typealias Params = NoFields
    public typealias Result = StateResult
}

/// Once it is answered, no vCPU runs guest code until `vm.resume`.
public enum VMPause: ControlMethod {
    public static let name = "vm.pause"
    public typealias Params = NoFields
    public typealias Result = StateResult
}

public enum VMResume: ControlMethod {
    public static let name = "vm.resume"
    public typealias Params = NoFields
    public typealias Result = StateResult
}

/// Presses the guest's power button, and kills the machine when it still runs after the grace. Answered when the
/// machine has stopped; a paused one is resumed, so that the guest can react.
public enum VMStop: ControlMethod {
    public static let name = "vm.stop"

    public struct Params: Codable, Sendable {
        /// Two seconds unless given.
        public var graceMs = Milliseconds.usualGrace

        private enum CodingKeys: CodingKey, CaseIterable {
            case graceMs
        }

        package init(grace: Milliseconds) {
            graceMs = grace
        }

        public init(from decoder: any Decoder) throws {
            let fields = try Fields<CodingKeys>(of: decoder)
            try fields.read(.graceMs, into: &graceMs)
        }
    }

    public typealias Result = StateResult
}

/// Ends the machine at once. Answered when it has stopped.
public enum VMKill: ControlMethod {
    public static let name = "vm.kill"
    public typealias Params = NoFields
    public typealias Result = StateResult
}

/// Answered when the machine has stopped, and with an error of kind `timeout` when it has not in time.
public enum VMWait: ControlMethod {
    public static let name = "vm.wait"

    public struct Params: Codable, Sendable {
        /// For ever unless given.
        public var timeoutMs: Milliseconds?

        private enum CodingKeys: CodingKey, CaseIterable {
            case timeoutMs
        }

        public init(from decoder: any Decoder) throws {
            let fields = try Fields<CodingKeys>(of: decoder)
            try fields.read(.timeoutMs, into: &timeoutMs)
        }
    }

    public typealias Result = VMEnding
}
