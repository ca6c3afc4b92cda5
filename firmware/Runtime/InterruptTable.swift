import Instructions
import Synchronization

/// The interrupt descriptor table. A payload that installs it has a `@c` function `handleInterrupt(vector:)`,
/// which runs with interrupts off.
enum InterruptTable {
    static var vectors: Int { 64 }

    /// Points each vector at its stub: a 64-bit interrupt gate (Intel SDM volume 3, figure 6-8).
    static func install() {
        let codeSelector: UInt64 = 0x10
        let presentInterruptGate: UInt64 = 0x8E00
        let table = interrupt_descriptor_table()!
        for vector in 0..<vectors {
            let handler = interrupt_stubs() + UInt64(vector) * 16
            let low =
                handler & 0xFFFF | codeSelector << 16 | presentInterruptGate << 32 | (handler >> 16 & 0xFFFF) << 48
            table.storeBytes(of: low, toByteOffset: vector * 16, as: UInt64.self)
            table.storeBytes(of: handler >> 32, toByteOffset: vector * 16 + 8, as: UInt64.self)
        }
        lidt(table, UInt16(vectors * 16 - 1))
    }

    /// How often `vector` was counted.
    static func count(_ vector: UInt8) -> UInt32 {
        counts[Int(vector)].load(ordering: .acquiring)
    }

    static func add(_ vector: UInt8) {
        counts[Int(vector)].add(1, ordering: .releasing)
    }

    private static var counts: UnsafeMutablePointer<Atomic<UInt32>> {
        interrupt_counts().assumingMemoryBound(to: Atomic<UInt32>.self)
    }
}
