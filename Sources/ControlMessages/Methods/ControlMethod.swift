import MachineConfiguration

/// A request that clients can make: its name, what it takes and what it gives.
public protocol ControlMethod: SendableMetatype {
    associatedtype Params: Codable & Sendable
    associatedtype Result: Codable & Sendable

    static var name: String { get }
}

/// The parameters, or the result, of a method that has none.
public struct NoFields: Codable, Equatable, Sendable {
    private enum CodingKeys: CodingKey, CaseIterable {}

    public init() {}

    public init(from decoder: any Decoder) throws {
        _ = try Fields<CodingKeys>(of: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        _ = encoder.container(keyedBy: CodingKeys.self)
    }
}

/// A length of time, at most a year.
public struct Milliseconds: Codable, Equatable, Sendable {
    public let count: UInt64

    static let most: UInt64 = 366 * 24 * 3600 * 1000
    /// What a guest needs to power off.
    package static let usualGrace = Milliseconds(unchecked: 2000)

    /// - Returns: nil beyond a year.
    public init?(_ count: UInt64) {
        guard count <= Self.most else { return nil }
        self.count = count
    }

    /// - Parameter duration: less than nothing is nothing, more than a year is a year.
    package init(clamping duration: Duration) {
        let (seconds, attoseconds) = min(max(duration, .zero), .milliseconds(Self.most)).components
        count = UInt64(seconds) * 1000 + UInt64(attoseconds / 1_000_000_000_000_000)
    }

    private init(unchecked count: UInt64) {
        self.count = count
    }

    package var nanoseconds: UInt64 { count * 1_000_000 }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let milliseconds = Milliseconds(try container.decode(UInt64.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "use 0 to \(Self.most) milliseconds, which is a year")
        }
        self = milliseconds
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(count)
    }
}
