/// Which region answers at which memory address.
///
/// It follows from the functions' registers alone. Regions are placed in the order of the functions' attachment: one
/// that is outside the bus's windows, or on top of one placed before, answers nowhere until it is moved.
struct AddressMap: Sendable {
    struct Placement: Equatable, Sendable {
        /// The function's place in the order of attachment.
        let function: Int
        /// The number of its base address register.
        let region: Int
        let addresses: ClosedRange<UInt64>
    }

    private(set) var placements: [Placement] = []

    init() {}

    /// - Parameter requests: where the guest wants regions, in the order of the functions' attachment.
    init(_ requests: [Placement], windows: [ClosedRange<UInt64>]) {
        for request in requests
        where windows.contains(where: { $0.contains(request.addresses) })
            && !placements.contains(where: { $0.addresses.overlaps(request.addresses) })
        {
            placements.append(request)
        }
    }

    /// Takes away a function, whose place those after it move up to.
    mutating func remove(function index: Int) {
        placements = placements.compactMap { placement in
            guard placement.function != index else { return nil }
            return Placement(
                function: placement.function > index ? placement.function - 1 : placement.function,
                region: placement.region, addresses: placement.addresses)
        }
    }

    /// The region that `count` bytes at `address` are wholly inside of.
    func placement(of address: UInt64, count: Int) -> Placement? {
        guard let placement = placements.first(where: { $0.addresses.contains(address) }),
            let extent = UInt64(exactly: count), extent > 0, extent - 1 <= placement.addresses.upperBound - address
        else { return nil }
        return placement
    }
}
