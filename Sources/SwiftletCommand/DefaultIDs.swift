/// Names for devices whose user gave none: `disk0`, `disk1`, without those that others have.
struct DefaultIDs: Sequence, IteratorProtocol {
    private let kind: String
    private let taken: Set<String>
    private var number = 0

    init(_ kind: String, besides taken: [String]) {
        self.kind = kind
        self.taken = Set(taken)
    }

    mutating func next() -> String? {
        while true {
            defer { number += 1 }
            let name = "\(kind)\(number)"
            if !taken.contains(name) { return name }
        }
    }
}
