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
        /// The virtio devices, in the order of `vm.get`.
        public var devices: [Device]
        public var memory: Memory
        public var console: Console
    }

    public struct VCPU: Codable, Sendable {
        public var id: Int
        /// How often it came back to the monitor, by what for; those that never happened are left out.
        public var exits: [String: UInt64]
        /// Processor time in the guest and in the monitor; left out unless the machine runs or is paused.
        public var runTimeNs: UInt64?
        /// How long it was ready to run and the host had no processor for it; left out where the host does not count it.
        public var stealNs: UInt64?
    }

    public struct Device: Codable, Sendable {
        public var id: String
        /// What the device gave to the guest: read requests, received frames and packets, input.
        public var toGuest: Traffic
        /// What the guest gave to the device: all other requests, sent frames and packets, output.
        public var fromGuest: Traffic
    }

    public struct Traffic: Codable, Equatable, Sendable {
        /// Requests, frames or packets that were served.
        public var requests: UInt64
        /// Bytes that they carried, without the headers of virtio.
        public var bytes: UInt64
        /// Requests that failed, and frames that were dropped.
        public var errors: UInt64
    }

    public struct Memory: Codable, Sendable {
        /// The guest's memory.
        public var sizeBytes: UInt64
        /// How much of it the host has given pages for; left out when the machine has stopped, or the host does not tell.
        public var residentBytes: UInt64?
        /// How much of it the balloon is to give back to the host, and how much it has; left out without a balloon.
        public var balloonTargetBytes: UInt64?
        public var balloonActualBytes: UInt64?
    }

    public struct Console: Codable, Sendable {
        /// Bytes that the guest wrote without waiting for the port to take them.
        public var lostBytes: UInt64
    }
}
