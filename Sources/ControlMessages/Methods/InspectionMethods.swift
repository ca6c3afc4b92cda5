import MachineConfiguration

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

        package init(
            id: String, state: VMState, config: VMConfiguration, devices: [Device], pid: Int32, ending: VMEnding?
        ) {
            self.id = id
            self.state = state
            self.config = config
            self.devices = devices
            self.pid = pid
            self.ending = ending
        }
    }

    public struct Device: Codable, Equatable, Sendable {
        public var id: String

        package init(id: String) {
            self.id = id
        }
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

        package init(vcpus: [VCPU], memory: Memory, console: Console) {
            self.vcpus = vcpus
            self.memory = memory
            self.console = console
        }
    }

    public struct VCPU: Codable, Sendable {
        public var id: Int
        /// How often it came back to the monitor, by what for; those that never happened are left out.
        public var exits: [String: UInt64]
        /// Processor time in the guest and in the monitor; left out unless the machine runs or is paused.
        public var runTimeNs: UInt64?

        package init(id: Int, exits: [String: UInt64], runTimeNs: UInt64?) {
            self.id = id
            self.exits = exits
            self.runTimeNs = runTimeNs
        }
    }

    public struct Memory: Codable, Sendable {
        /// The guest's memory.
        public var sizeBytes: UInt64
        /// How much of it the balloon is to give back to the host, and how much it has; left out without a balloon.
        public var balloonTargetBytes: UInt64?
        public var balloonActualBytes: UInt64?

        package init(sizeBytes: UInt64, balloonTargetBytes: UInt64?, balloonActualBytes: UInt64?) {
            self.sizeBytes = sizeBytes
            self.balloonTargetBytes = balloonTargetBytes
            self.balloonActualBytes = balloonActualBytes
        }
    }

    public struct Console: Codable, Sendable {
        /// Bytes that the guest wrote without waiting for the port to take them.
        public var lostBytes: UInt64

        package init(lostBytes: UInt64) {
            self.lostBytes = lostBytes
        }
    }
}
