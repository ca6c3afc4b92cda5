import MachineConfiguration
import Network
import Virtio

/// A command of a driver on the control queue (virtio 1.3 §5.1.6.5).
enum NetControlCommand: Equatable {
    case setPromiscuous(Bool)
    case setAllGroups(Bool)
    /// Addresses of stations and of groups; nil where there are too many to keep.
    case setTables(stations: [MACAddress]?, groups: [MACAddress]?)
    case setMAC(MACAddress)
    case setQueuePairs(UInt16)
    case setGuestOffloads(Features)

    /// What the device answers, in one byte.
    enum Answer: UInt8 {
        case ok = 0
        case error = 1
    }

    /// Class, then command.
    private enum Code {
        static let promiscuous: UInt16 = 0x00_00
        static let allGroups: UInt16 = 0x00_01
        static let tables: UInt16 = 0x01_00
        static let mac: UInt16 = 0x01_01
        static let queuePairs: UInt16 = 0x04_00
        static let guestOffloads: UInt16 = 0x05_00
    }

    /// Reads a command, consuming its bytes.
    ///
    /// - Parameter features: those that the driver accepted: it may not use commands of others.
    /// - Returns: nil for a command that the device does not know, or that is too short.
    init?(_ bytes: inout SegmentList, features: Features) {
        guard let code: UInt16 = Self.take(&bytes) else { return nil }
        switch code.byteSwapped {
        case Code.promiscuous where features.contains(NetFeatures.receiveModeControl):
            guard let value: UInt8 = Self.take(&bytes) else { return nil }
            self = .setPromiscuous(value != 0)
        case Code.allGroups where features.contains(NetFeatures.receiveModeControl):
            guard let value: UInt8 = Self.take(&bytes) else { return nil }
            self = .setAllGroups(value != 0)
        case Code.tables where features.contains(NetFeatures.receiveModeControl):
            guard let stations = Self.takeTable(&bytes), let groups = Self.takeTable(&bytes)
            else { return nil }
            self = .setTables(stations: stations.addresses, groups: groups.addresses)
        case Code.mac where features.contains(NetFeatures.macControl):
            guard let mac = Self.takeMAC(&bytes), !mac.isGroup, !mac.isZero else { return nil }
            self = .setMAC(mac)
        case Code.queuePairs where features.contains(NetFeatures.multiQueue):
            guard let count: UInt16 = Self.take(&bytes) else { return nil }
            self = .setQueuePairs(count)
        case Code.guestOffloads where features.contains(NetFeatures.guestOffloadsControl):
            guard let bits: UInt64 = Self.take(&bytes) else { return nil }
            self = .setGuestOffloads(Features(rawValue: bits))
        default:
            return nil
        }
    }

    private static func take<Value: FixedWidthInteger & BitwiseCopyable>(_ bytes: inout SegmentList) -> Value? {
        guard let value: Value = bytes.load() else { return nil }
        bytes.removeFirst(MemoryLayout<Value>.size)
        return Value(littleEndian: value)
    }

    private static func takeMAC(_ bytes: inout SegmentList) -> MACAddress? {
        guard let value: InlineArray<6, UInt8> = bytes.load() else { return nil }
        bytes.removeFirst(MACAddress.length)
        return MACAddress(value)
    }

    private struct Table {
        /// nil where there are too many to keep.
        let addresses: [MACAddress]?
    }

    private static func takeTable(_ bytes: inout SegmentList) -> Table? {
        guard let count: UInt32 = take(&bytes) else { return nil }
        let length = Int(count) * MACAddress.length
        guard length <= bytes.byteCount else { return nil }
        guard count <= ReceiveFilter.tableLimit else {
            bytes.removeFirst(length)
            return Table(addresses: nil)
        }
        return Table(addresses: (0..<count).compactMap { _ in takeMAC(&bytes) })
    }
}
