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

extension VMGet {
    package static let summary = "Tells what the machine is."
    package static let errorKinds: [ControlError.Kind] = [.invalidState]
}

extension VMGet.Result: DescribedObject {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case id, state, config, devices, pid, ending
    }

    package static let summary = "What a machine is."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: .required(String.self, "The machine's name")
        case .state: .required(VMState.self, "How far its life has come")
        case .config:
            .required(VMConfiguration.self, "What it was made from, with defaults, and as it was changed since")
        case .devices: .required([VMGet.Device].self, "Devices that device.update knows; none when it has stopped")
        case .pid: .required(.integer(1...Int32.max), "The process that it is")
        case .ending: .optional(VMEnding.self, "How it came to its end, once it has stopped")
        }
    }
}

extension VMGet.Device: DescribedObject {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case id
    }

    package static let summary = "A device of a machine."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: .required(String.self, "Its name: its id in the configuration, or its kind")
        }
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

        package init(vcpus: [VCPU], devices: [Device], memory: Memory, console: Console) {
            self.vcpus = vcpus
            self.devices = devices
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
        /// How long it was ready to run and the host had no processor for it; left out where the host does not count it.
        public var stealNs: UInt64?

        package init(id: Int, exits: [String: UInt64], runTimeNs: UInt64?, stealNs: UInt64?) {
            self.id = id
            self.exits = exits
            self.runTimeNs = runTimeNs
            self.stealNs = stealNs
        }
    }

    public struct Device: Codable, Sendable {
        public var id: String
        /// What the device gave to the guest: read requests, received frames and packets, input.
        public var toGuest: Traffic
        /// What the guest gave to the device: all other requests, sent frames and packets, output.
        public var fromGuest: Traffic

        package init(id: String, toGuest: Traffic, fromGuest: Traffic) {
            self.id = id
            self.toGuest = toGuest
            self.fromGuest = fromGuest
        }
    }

    public struct Traffic: Codable, Equatable, Sendable {
        /// Requests, frames or packets that were served.
        public var requests: UInt64
        /// Bytes that they carried, without the headers of virtio.
        public var bytes: UInt64
        /// Requests that failed, and frames that were dropped.
        public var errors: UInt64

        package init(requests: UInt64, bytes: UInt64, errors: UInt64) {
            self.requests = requests
            self.bytes = bytes
            self.errors = errors
        }
    }

    public struct Memory: Codable, Sendable {
        /// The guest's memory.
        public var sizeBytes: UInt64
        /// How much of it the host has given pages for; left out when the machine has stopped, or the host does not tell.
        public var residentBytes: UInt64?
        /// How much of it the balloon is to give back to the host, and how much it has; left out without a balloon.
        public var balloonTargetBytes: UInt64?
        public var balloonActualBytes: UInt64?

        package init(
            sizeBytes: UInt64, residentBytes: UInt64?, balloonTargetBytes: UInt64?, balloonActualBytes: UInt64?
        ) {
            self.sizeBytes = sizeBytes
            self.residentBytes = residentBytes
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

extension VMStats {
    package static let summary = "Tells what the machine has done so far."
    package static let errorKinds: [ControlError.Kind] = [.invalidState]
}

extension VMStats.Result: DescribedObject {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case vcpus, devices, memory, console
    }

    package static let summary = "What a machine has done so far."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .vcpus: .required([VMStats.VCPU].self, "Each vCPU")
        case .devices: .required([VMStats.Device].self, "The virtio devices, in the order of vm.get")
        case .memory: .required(VMStats.Memory.self, "The guest's memory")
        case .console: .required(VMStats.Console.self, "The guest's console")
        }
    }
}

extension VMStats.VCPU: DescribedObject {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case id, exits, runTimeNs, stealNs
    }

    package static let summary = "What a vCPU has done so far."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: .required(.integer(0...Int.max), "Its number")
        case .exits:
            .required(
                .map(to: UInt64.schema),
                "How often it came back to the monitor, by what for; kinds that never happened are left out")
        case .runTimeNs:
            .optional(
                UInt64.self,
                "Nanoseconds of processor time, in the guest and in the monitor, while the machine runs or is paused")
        case .stealNs:
            .optional(
                UInt64.self,
                "Nanoseconds that it was ready to run and the host had no processor for it; there where the host counts them"
            )
        }
    }
}

extension VMStats.Device: DescribedObject {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case id, toGuest, fromGuest
    }

    package static let summary = "What passed through a device so far."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: .required(String.self, "The device's name, as vm.get lists it")
        case .toGuest:
            .required(
                VMStats.Traffic.self,
                "What it gave to the guest: read requests of a disk, received frames and packets, input")
        case .fromGuest:
            .required(
                VMStats.Traffic.self,
                "What the guest gave to it: all other requests of a disk, sent frames and packets, output")
        }
    }
}

extension VMStats.Traffic: DescribedObject {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case requests, bytes, errors
    }

    package static let summary = "What passed through a device in one direction."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .requests: .required(UInt64.self, "Requests, frames or packets that were served")
        case .bytes: .required(UInt64.self, "Bytes that they carried, without the headers of virtio")
        case .errors: .required(UInt64.self, "Requests that failed, and frames that were dropped")
        }
    }
}

extension VMStats.Memory: DescribedObject {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case sizeBytes, residentBytes, balloonTargetBytes, balloonActualBytes
    }

    package static let summary = "A guest's memory."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .sizeBytes: .required(UInt64.self, "Its size in bytes")
        case .residentBytes:
            .optional(
                UInt64.self,
                "How many bytes of it the host has given pages for; there until the machine's end, where the host tells"
            )
        case .balloonTargetBytes:
            .optional(UInt64.self, "How many bytes the balloon is to give back to the host; there with a balloon")
        case .balloonActualBytes:
            .optional(UInt64.self, "How many bytes the balloon has given back; there with a balloon")
        }
    }
}

extension VMStats.Console: DescribedObject {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case lostBytes
    }

    package static let summary = "A guest's console."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .lostBytes:
            .required(UInt64.self, "Bytes of output that the guest wrote without waiting for the port to take them")
        }
    }
}
