import Machine

/// What the machine is.
public enum VMGet: ControlMethod {
    public static let name = "vm.get"
    public typealias Params = NoFields

    public struct Result: Codable, Sendable {
        public var id: String
        public var state: VMState
        /// With all defaults.
        public var config: VMConfiguration
        /// Devices that `device.update` knows.
        public var devices: [Device]
        /// The process that the machine is.
        public var pid: Int32
        /// Once it is stopped.
        public var ending: VMEnding?
    }

    public struct Device: Codable, Equatable, Sendable {
        public var id: String
    }
}

/// What the machine has done so far.
public enum VMStats: ControlMethod {
    public static let name = "vm.stats"
    public typealias Params = NoFields

    public struct Result: Codable, Sendable {
        public var vcpus: [VCPU]
        public var memory: Memory
        public var console: Console
    }

    public struct VCPU: Codable, Sendable {
        public var id: Int
        /// How often it came back to the monitor, by what for; those that never happened are left out.
        public var exits: [String: UInt64]
        /// Processor time in the guest and in the monitor; left out unless the machine runs or is paused.
        public var runTimeNs: UInt64?
    }

    public struct Memory: Codable, Sendable {
        /// The guest's memory.
        public var sizeBytes: UInt64
        /// How much of it the balloon is to give back to the host, and how much it has; left out without a balloon.
        public var balloonTargetBytes: UInt64?
        public var balloonActualBytes: UInt64?
    }

    public struct Console: Codable, Sendable {
        /// Bytes that the guest wrote without waiting for the port to take them.
        public var lostBytes: UInt64
    }
}
