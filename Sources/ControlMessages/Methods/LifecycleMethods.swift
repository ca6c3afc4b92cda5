import MachineConfiguration

/// Makes the machine, of which a server has one: everything is checked and loaded, nothing of the guest runs.
public enum VMCreate: ControlMethod {
    public static let name = "vm.create"

    public struct Params: Codable, Sendable {
        public var config: VMConfiguration

        package enum CodingKeys: CodingKey, CaseIterable {
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

extension VMCreate {
    package static let summary =
        "Makes the machine, of which a server has one. Everything is checked, opened and loaded; nothing of the guest runs."
    package static let errorKinds: [ControlError.Kind] = [
        .notFound, .invalidState, .unsupported, .permission, .resource, .kvm, .io,
    ]
}

extension VMCreate.Params: DescribedObject {
    package static let summary = "The machine to make."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .config: .required(VMConfiguration.self, "What the machine is to be")
        }
    }
}

extension VMCreate.Result: DescribedObject {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case id
    }

    package static let summary = "A machine that was made."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: .required(String.self, "The machine's name")
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

extension StateResult: DescribedObject {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case state
    }

    package static let summary = "The state that a machine came into."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .state: .required(VMState.self, "The machine's state")
        }
    }
}

public enum VMStart: ControlMethod {
    public static let name = "vm.start"
    public typealias Params = NoFields
    public typealias Result = StateResult
}

extension VMStart {
    package static let summary = "Starts a machine that was made."
    package static let errorKinds: [ControlError.Kind] = [.invalidState, .permission, .resource, .kvm, .io]
}

/// Once it is answered, no vCPU runs guest code until `vm.resume`.
public enum VMPause: ControlMethod {
    public static let name = "vm.pause"
    public typealias Params = NoFields
    public typealias Result = StateResult
}

extension VMPause {
    package static let summary = "Stops the guest. Once it is answered, no vCPU runs guest code until vm.resume."
    package static let errorKinds: [ControlError.Kind] = [.invalidState]
}

public enum VMResume: ControlMethod {
    public static let name = "vm.resume"
    public typealias Params = NoFields
    public typealias Result = StateResult
}

extension VMResume {
    package static let summary = "Lets a paused guest go on."
    package static let errorKinds: [ControlError.Kind] = [.invalidState]
}

/// Presses the guest's power button, and kills the machine when it still runs after the grace. Answered when the
/// machine has stopped; a paused one is resumed, so that the guest can react.
public enum VMStop: ControlMethod {
    public static let name = "vm.stop"

    public struct Params: Codable, Sendable {
        /// Two seconds unless given.
        public var graceMs = Milliseconds.usualGrace

        package enum CodingKeys: CodingKey, CaseIterable {
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

extension VMStop {
    package static let summary = """
        Presses the guest's power button, and kills the machine when it still runs after the grace. Answered when the \
        machine has stopped, and at once when it had. A paused machine is resumed for it.
        """
    package static let errorKinds: [ControlError.Kind] = [.invalidState, .resource]
}

extension VMStop.Params: DescribedObject {
    package static let summary = "How to stop a machine."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .graceMs:
            .optional(
                Milliseconds.self, "Milliseconds that the guest has to power off",
                usual: .integer(Int128(Milliseconds.usualGrace.count)))
        }
    }
}

/// Ends the machine at once. Answered when it has stopped.
public enum VMKill: ControlMethod {
    public static let name = "vm.kill"
    public typealias Params = NoFields
    public typealias Result = StateResult
}

extension VMKill {
    package static let summary = "Ends the machine at once. Answered when it has stopped."
    package static let errorKinds: [ControlError.Kind] = [.invalidState, .resource]
}

/// Answered when the machine has stopped.
public enum VMWait: ControlMethod {
    public static let name = "vm.wait"
    public typealias Params = NoFields
    public typealias Result = VMEnding
}

extension VMWait {
    package static let summary =
        "Waits for the machine's end. Answered when it has stopped, and at once when it had; other requests go on meanwhile."
    package static let errorKinds: [ControlError.Kind] = [.invalidState, .resource]
}
