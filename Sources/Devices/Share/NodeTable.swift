import CLinux
import Glibc
import SystemPackage

/// The files that a guest knows, each by the number that it was told at a look-up, until it forgets it.
///
/// A file is kept by an `O_PATH` descriptor, of which there is a limited number: those that were not used for the longest
/// time are closed, and a file is found again by its parent and its name. Whether it is still the same is seen by its
/// identity.
struct NodeTable: Sendable {
    /// The number of the share's root directory (`FUSE_ROOT_ID`), which is never forgotten.
    static let root: UInt64 = 1

    private typealias Slot = UInt32

    private struct Node {
        /// How often the slot was used before, so that no number comes twice.
        var generation: UInt32 = 0
        /// nil in a free slot.
        var identity: FileIdentity?
        /// Where it was last seen.
        var parent: Slot = 0
        var name: FileName?
        /// How often the guest was told of it and has not forgotten it yet.
        var lookups: UInt64 = 0
        /// How many nodes have it as their parent; they need it to be found again.
        var children = 0
        var descriptor: SharedDescriptor?
        /// Whether it has no name any more, so that its descriptor must stay.
        var isPinned = false
        /// Neighbours in the list of those whose descriptor can be closed.
        var newer: Slot = 0
        var older: Slot = 0
    }

    /// How a file is reached: from a descriptor by steps that each name a file in a directory.
    struct Route: Sendable {
        struct Step: Sendable {
            let node: UInt64
            let name: FileName
            let identity: FileIdentity
        }

        let start: SharedDescriptor
        let steps: [Step]
    }

    private static let rootSlot: Slot = 1
    /// No path of Linux has more components (`PATH_MAX`).
    private static let deepest = 4096

    /// The first is the end of the list in both directions.
    private var nodes: [Node]
    private var free: [Slot] = []
    private var slots: [FileIdentity: Slot] = [:]
    private var openCount = 0
    private var pinnedCount = 0
    private let nodeLimit: Int
    private let descriptorLimit: Int
    /// Descriptors that nobody needs any more, for whoever has the table to let go of when it is not locked: to close one
    /// may take as long as to remove a file.
    private var dropped: [SharedDescriptor] = []

    /// - Parameters:
    ///   - nodeLimit: how many files a guest can know at a time.
    ///   - descriptorLimit: how many of them have a descriptor.
    init(root: SharedDescriptor, identity: FileIdentity, nodeLimit: Int, descriptorLimit: Int) {
        self.nodeLimit = nodeLimit
        self.descriptorLimit = descriptorLimit
        nodes = [Node(), Node(identity: identity, descriptor: root, isPinned: true)]
        slots[identity] = Self.rootSlot
    }

    /// Files that the guest knows, without the root.
    var count: Int { slots.count - 1 }
    /// How many of them have a descriptor.
    var descriptorCount: Int { openCount }

    mutating func takeDropped() -> [SharedDescriptor] {
        if dropped.isEmpty { return [] }
        defer { dropped = [] }
        return dropped
    }

    // MARK: What the guest does

    /// Takes in that the guest is told of a file, under the name by which it was found in a directory.
    ///
    /// - Returns: its number.
    /// - Throws: `ESTALE` when the directory is not known, `ENFILE` when the guest knows too many files.
    mutating func remember(
        _ identity: FileIdentity, _ descriptor: SharedDescriptor, in parent: UInt64, _ name: FileName
    ) throws(Errno) -> UInt64 {
        let parent = try slot(of: parent)
        let slot: Slot
        if let known = slots[identity] {
            slot = known
            guard slot != Self.rootSlot else { return Self.root }
            nodes[Int(slot)].lookups &+= 1
            move(slot, to: parent, name)
        } else {
            guard count < nodeLimit else { throw .tooManyOpenFilesInSystem }
            slot = free.popLast() ?? Slot(nodes.count)
            if slot == nodes.count { nodes.append(Node()) }
            nodes[Int(slot)].identity = identity
            nodes[Int(slot)].parent = parent
            nodes[Int(slot)].name = name
            nodes[Int(slot)].lookups = 1
            nodes[Int(parent)].children += 1
            slots[identity] = slot
        }
        install(descriptor, in: slot)
        return id(of: slot)
    }

    /// Takes in that the guest is told of a file once more.
    mutating func rememberAgain(_ node: UInt64) throws(Errno) {
        nodes[Int(try slot(of: node))].lookups &+= 1
    }

    /// Takes in that the guest does not know a file any more, as far as it was told of it `count` times.
    mutating func forget(_ node: UInt64, count: UInt64) {
        guard let slot = try? slot(of: node), slot != Self.rootSlot else { return }
        let lookups = nodes[Int(slot)].lookups
        nodes[Int(slot)].lookups = lookups > count ? lookups - count : 0
        collect(from: slot)
    }

    /// The directory that a file was last seen in; of the root, the root.
    func parent(of node: UInt64) throws(Errno) -> UInt64 {
        let slot = try slot(of: node)
        return slot == Self.rootSlot ? Self.root : id(of: nodes[Int(slot)].parent)
    }

    /// Takes in that a file, if the guest knows it, has been given another name.
    mutating func relocate(_ identity: FileIdentity, to parent: UInt64, _ name: FileName) {
        guard let slot = slots[identity], slot != Self.rootSlot, let parent = try? self.slot(of: parent) else { return }
        move(slot, to: parent, name)
    }

    /// Takes in that the name by which a file was known is gone: it can only be reached by a descriptor now. Of files that are
    /// gone and still in use, a guest can have half as many as there may be descriptors.
    mutating func keep(_ identity: FileIdentity, by descriptor: SharedDescriptor) {
        guard let slot = slots[identity], !nodes[Int(slot)].isPinned, pinnedCount < descriptorLimit / 2 else { return }
        install(descriptor, in: slot)
        unlink(slot)
        nodes[Int(slot)].isPinned = true
        pinnedCount += 1
    }

    // MARK: Descriptors

    /// How to reach a file: at once when it has a descriptor.
    ///
    /// - Throws: `ESTALE` for a number that the guest has not been told, or was told to be something else.
    mutating func route(to node: UInt64) throws(Errno) -> Route {
        var slot = try slot(of: node)
        var steps: [Route.Step] = []
        while steps.count < Self.deepest {
            if let descriptor = nodes[Int(slot)].descriptor {
                touch(slot)
                return Route(start: descriptor, steps: steps.reversed())
            }
            guard let name = nodes[Int(slot)].name, let identity = nodes[Int(slot)].identity else {
                throw .staleNFSFileHandle
            }
            steps.append(.init(node: id(of: slot), name: name, identity: identity))
            slot = nodes[Int(slot)].parent
        }
        throw .staleNFSFileHandle
    }

    /// Gives a file that the guest still knows a descriptor.
    mutating func install(_ descriptor: SharedDescriptor, for node: UInt64) {
        if let slot = try? slot(of: node) { install(descriptor, in: slot) }
    }

    private mutating func install(_ descriptor: SharedDescriptor, in slot: Slot) {
        guard nodes[Int(slot)].descriptor == nil else { return touch(slot) }
        nodes[Int(slot)].descriptor = descriptor
        openCount += 1
        link(slot)
        while openCount > descriptorLimit, nodes[0].older != 0, nodes[0].older != slot { drop(nodes[0].older) }
    }

    /// Has a node do without its descriptor.
    private mutating func drop(_ slot: Slot) {
        guard let descriptor = nodes[Int(slot)].descriptor.take() else { return }
        dropped.append(descriptor)
        openCount -= 1
        if nodes[Int(slot)].isPinned { unpin(slot) } else { unlink(slot) }
    }

    private mutating func unpin(_ slot: Slot) {
        nodes[Int(slot)].isPinned = false
        pinnedCount -= 1
    }

    // MARK: Slots

    private func id(of slot: Slot) -> UInt64 { UInt64(nodes[Int(slot)].generation) << 32 | UInt64(slot) }

    private func slot(of node: UInt64) throws(Errno) -> Slot {
        let slot = Slot(truncatingIfNeeded: node)
        guard slot != 0, slot < nodes.count, nodes[Int(slot)].identity != nil, id(of: slot) == node else {
            throw .staleNFSFileHandle
        }
        return slot
    }

    /// Has a node be looked for elsewhere from now on, unless that is within itself: the host can move directories while we
    /// are told of old places.
    private mutating func move(_ slot: Slot, to parent: Slot, _ name: FileName) {
        let old = nodes[Int(slot)].parent
        guard parent == old || !isWithin(parent, slot) else { return }
        if nodes[Int(slot)].isPinned {
            unpin(slot)
            link(slot)
        }
        nodes[Int(slot)].name = name
        guard old != parent else { return }
        nodes[Int(slot)].parent = parent
        nodes[Int(parent)].children += 1
        nodes[Int(old)].children -= 1
        collect(from: old)
    }

    private func isWithin(_ slot: Slot, _ outer: Slot) -> Bool {
        var slot = slot
        while slot != Self.rootSlot, slot != 0 {
            if slot == outer { return true }
            slot = nodes[Int(slot)].parent
        }
        return false
    }

    /// Frees a node that nobody needs, and those above that were only needed for it.
    private mutating func collect(from slot: Slot) {
        var slot = slot
        while slot != Self.rootSlot, nodes[Int(slot)].lookups == 0, nodes[Int(slot)].children == 0,
            let identity = nodes[Int(slot)].identity
        {
            drop(slot)
            slots[identity] = nil
            let parent = nodes[Int(slot)].parent
            nodes[Int(slot)] = Node(generation: nodes[Int(slot)].generation &+ 1)
            free.append(slot)
            nodes[Int(parent)].children -= 1
            slot = parent
        }
    }

    // MARK: The list of those whose descriptor can be closed, the newest behind its first

    private mutating func link(_ slot: Slot) {
        let second = nodes[0].newer
        nodes[Int(slot)].older = second
        nodes[Int(slot)].newer = 0
        nodes[Int(second)].newer = slot
        nodes[0].newer = slot
        if second == 0 { nodes[0].older = slot }
    }

    private mutating func unlink(_ slot: Slot) {
        let (newer, older) = (nodes[Int(slot)].newer, nodes[Int(slot)].older)
        if newer == 0 { nodes[0].newer = older } else { nodes[Int(newer)].older = older }
        if older == 0 { nodes[0].older = newer } else { nodes[Int(older)].newer = newer }
    }

    private mutating func touch(_ slot: Slot) {
        guard !nodes[Int(slot)].isPinned, nodes[0].newer != slot else { return }
        unlink(slot)
        link(slot)
    }
}
