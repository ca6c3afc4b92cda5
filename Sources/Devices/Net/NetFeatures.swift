import Network
import Virtio

/// Feature bits of network devices (virtio 1.3 §5.1.3).
enum NetFeatures {
    static let checksum = Features.bit(0)
    static let guestChecksum = Features.bit(1)
    static let guestOffloadsControl = Features.bit(2)
    static let mtu = Features.bit(3)
    static let mac = Features.bit(5)
    static let guestTCP4 = Features.bit(7)
    static let guestTCP6 = Features.bit(8)
    static let hostTCP4 = Features.bit(11)
    static let hostTCP6 = Features.bit(12)
    static let mergeableBuffers = Features.bit(15)
    static let status = Features.bit(16)
    static let controlQueue = Features.bit(17)
    static let receiveModeControl = Features.bit(18)
    static let multiQueue = Features.bit(22)
    static let macControl = Features.bit(23)
    static let guestUDP4 = Features.bit(54)
    static let guestUDP6 = Features.bit(55)
    static let hostUDP = Features.bit(56)

    /// What a device offers whose back end does `offloads`.
    static func offered(_ offloads: Offloads, channelCount: Int, hasMTU: Bool) -> Features {
        var features: Features = [mac, status, mergeableBuffers, controlQueue, receiveModeControl, macControl]
        if hasMTU { features.insert(mtu) }
        if channelCount > 1 { features.insert(multiQueue) }
        guard offloads.contains(.checksum) else { return features }
        features.formUnion([checksum, guestChecksum, guestOffloadsControl])
        if offloads.contains(.tcp4) { features.formUnion([guestTCP4, hostTCP4]) }
        if offloads.contains(.tcp6) { features.formUnion([guestTCP6, hostTCP6]) }
        if offloads.contains(.udp) { features.formUnion([guestUDP4, guestUDP6, hostUDP]) }
        return features
    }

    /// virtio 1.3 §5.1.3.1.
    static let dependencies: [DeviceState.Dependency] =
        [guestTCP4, guestTCP6, guestUDP4, guestUDP6].map { .init($0, needsOneOf: guestChecksum) }
        + [hostTCP4, hostTCP6, hostUDP].map { .init($0, needsOneOf: checksum) }
        + [receiveModeControl, multiQueue, macControl, guestOffloadsControl].map {
            .init($0, needsOneOf: controlQueue)
        }

    /// The features of which the driver may switch each off and on later (virtio 1.3 §5.1.6.5.6).
    private static let guestOffloads: Features = [guestChecksum, guestTCP4, guestTCP6, guestUDP4, guestUDP6]

    /// - Returns: nil for features that were not accepted, or that are no offloads.
    static func guestOffloads(_ wanted: Features, accepted: Features) -> Offloads? {
        guard wanted.isSubset(of: accepted.intersection(guestOffloads)) else { return nil }
        return guestOffloads(in: wanted)
    }

    /// What the driver takes upon itself for frames that it receives.
    static func guestOffloads(in features: Features) -> Offloads {
        var offloads: Offloads = []
        if features.contains(guestChecksum) { offloads.insert(.checksum) }
        if features.contains(guestTCP4) { offloads.insert(.tcp4) }
        if features.contains(guestTCP6) { offloads.insert(.tcp6) }
        // A tap does both or none.
        if features.isSuperset(of: [guestUDP4, guestUDP6]) { offloads.insert(.udp) }
        return offloads
    }
}
