import MachineConfiguration

/// A request that clients can make: its name, what it takes and what it gives.
package protocol ControlMethod: SendableMetatype {
    associatedtype Params: Codable & Sendable & DescribedObject
    associatedtype Result: Codable & Sendable & Described

    static var name: String { get }
    /// What it does, and when it is answered, in sentences.
    static var summary: String { get }
    /// Why it is refused, besides the reasons that there are for all methods.
    static var errorKinds: [ControlError.Kind] { get }
}

extension ControlMethod {
    /// Why any method is refused: its parameters are wrong, it was not answered in time or before the end, or the server is
    /// at fault.
    package static var commonErrorKinds: [ControlError.Kind] { [.invalidArgument, .timeout, .cancelled, .internal] }
    package static var errorKinds: [ControlError.Kind] { [] }
}

/// The parameters, or the result, of a method that has none.
public struct NoFields: Codable, Equatable, Sendable {
    package enum CodingKeys: CodingKey, CaseIterable {}

    public init() {}

    public init(from decoder: any Decoder) throws {
        _ = try Fields<CodingKeys>(of: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        _ = encoder.container(keyedBy: CodingKeys.self)
    }
}

extension NoFields: DescribedObject {
    package static let summary = "Nothing."

    package static func describe(_ key: CodingKeys) -> FieldDescription {}
}

/// A length of time, at most a year.
public struct Milliseconds: Codable, Equatable, Sendable {
    public let count: UInt64

    static let most: UInt64 = 366 * 24 * 3600 * 1000
    /// What a guest needs to power off.
    package static let usualGrace = Milliseconds(unchecked: 2000)
    /// What a guest needs to let go of a device.
    package static let usualDetachment = Milliseconds(unchecked: 5000)

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
        guard let milliseconds = (try? container.decode(UInt64.self)).flatMap(Milliseconds.init(_:)) else {
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

extension Milliseconds: Described {
    package static var schema: Schema { .integer(0...most) }
}
