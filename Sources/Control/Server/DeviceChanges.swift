import ControlMessages
import Linux
import Machine
import MachineConfiguration
import Storage

/// Changes of a machine's devices that a client asks for, and the configuration that they leave. It belongs to the
/// thread of its event loop; what takes its time happens on threads of its own.
final class DeviceChanges {
    /// So many updates can wait to be made.
    private static let updateLimit = 1024
    /// So many devices can be on their way in or out, each with a thread.
    private static let plugLimit = 32

    /// As the machine is now; nil before it is made.
    private(set) var configuration: VMConfiguration?
    /// From its making to its end.
    private var machine: Machine?
    private let updates: Completions<RawImageError?>
    private let plugs: Completions<(any Error)?>
    /// Devices on their way in: nobody else can have what they need.
    private var attachingDisks: [VMConfiguration.Disk] = []
    private var attachingNets: [VMConfiguration.Net] = []
    /// The ids of those on their way out.
    private var leaving: Set<String> = []

    init(on loop: EventLoop) throws(SystemCallError) {
        updates = try Completions(on: loop)
        plugs = try Completions(on: loop)
    }

    func begin(_ machine: Machine, _ configuration: VMConfiguration) {
        self.machine = machine
        self.configuration = configuration
    }

    /// Lets go of the machine, which has come to its end, and of all that was still to come.
    func end() {
        machine = nil
        updates.cancel()
        plugs.cancel()
    }

    private func current() throws(ControlError) -> (machine: Machine, configuration: VMConfiguration) {
        guard let machine, let configuration else { throw ControlError(.internal, "there is no machine to change") }
        return (machine, configuration)
    }

    // MARK: Coming and going

    func attach(_ device: DeviceAttach.Params, _ reply: Reply<NoFields>) throws {
        if let disk = device.disk { try attach(disk, reply) }
        if let net = device.net { try attach(net, reply) }
    }

    private func attach(_ disk: VMConfiguration.Disk, _ reply: Reply<NoFields>) throws {
        let machine = try current().machine
        try validate(as: "/disk") { next in
            next.disks.append(disk)
            return "/disks/\(next.disks.count - 1)"
        }
        try plug(
            { try machine.attach(disk) },
            then: { [unowned self] problem in
                attachingDisks.removeAll { $0.id == disk.id }
                if let problem { return reply.fail(problem) }
                configuration?.disks.append(disk)
                reply.succeed(NoFields())
            })
        attachingDisks.append(disk)
    }

    private func attach(_ net: VMConfiguration.Net, _ reply: Reply<NoFields>) throws {
        let machine = try current().machine
        try validate(as: "/net") { next in
            next.nets.append(net)
            return "/nets/\(next.nets.count - 1)"
        }
        try plug(
            { try machine.attach(net) },
            then: { [unowned self] problem in
                attachingNets.removeAll { $0.id == net.id }
                if let problem { return reply.fail(problem) }
                configuration?.nets.append(net)
                reply.succeed(NoFields())
            })
        attachingNets.append(net)
    }

    func detach(_ params: DeviceDetach.Params, _ reply: Reply<NoFields>) throws {
        let machine = try current().machine
        try refuseIfMoving(params.id)
        let isGivenUp = ConditionLock(false)
        try plug(
            {
                try machine.detach(params.id, timeout: params.timeoutMs.nanoseconds) { isGivenUp.withLock { $0 } }
            },
            then: { [unowned self] problem in
                leaving.remove(params.id)
                if let problem { return reply.fail(problem) }
                configuration?.disks.removeAll { $0.id == params.id }
                configuration?.nets.removeAll { $0.id == params.id }
                reply.succeed(NoFields())
            })
        leaving.insert(params.id)
        reply.whenGivenUp {
            isGivenUp.withLock { $0 = true }
            machine.reconsiderDetachments()
        }
    }

    private func refuseIfMoving(_ id: String) throws {
        if leaving.contains(id) { throw HotPlugError.isLeaving(id) }
        if attachingDisks.contains(where: { $0.id == id }) || attachingNets.contains(where: { $0.id == id }) {
            throw ControlError(
                .invalidState, "device '\(id)' is being attached", field: "/id", hint: "wait until it has been")
        }
    }

    /// Has `work` done on a thread of its own, and calls `then` with what went wrong, if anything.
    private func plug(_ work: @escaping @Sendable () throws -> Void, then: @escaping (ControlError?) -> Void) throws {
        guard plugs.count < Self.plugLimit else {
            throw ControlError(.resource, "\(Self.plugLimit) devices are on their way in or out already")
        }
        final class Worker {
            var thread: NativeThread?
        }
        let worker = Worker()
        let done = plugs.expect { error in
            worker.thread.take()?.join()
            then(error.map { ControlError($0) })
        }
        do {
            worker.thread = try NativeThread(name: "plug") {
                do {
                    try work()
                    done(nil)
                } catch {
                    done(error)
                }
            }
        } catch {
            done(error)
        }
    }

    // MARK: Changing

    func update(_ change: DeviceUpdate.Params, _ reply: Reply<NoFields>) throws {
        let machine = try current().machine
        try refuseIfMoving(change.id)
        guard updates.count < Self.updateLimit else {
            throw ControlError(.resource, "\(Self.updateLimit) changes of devices wait to be made already")
        }
        if let disk = machine.disks.first(where: { $0.id == change.id }) {
            return try update(disk, change, reply)
        } else if let net = machine.nets.first(where: { $0.id == change.id }) {
            try update(net, change)
        } else if let balloon = machine.balloon, change.id == Balloon.id {
            try change.require(only: ["size"], of: "the balloon")
            guard let size = change.size, size.bytes <= machine.memorySize else {
                throw ControlError(
                    .invalidArgument, change.size == nil ? "'size' is missing" : "it is more than the machine's memory",
                    field: "/size", hint: "how much the guest is to give back, such as 256M")
            }
            balloon.setTarget(size)
        } else if machine.deviceNames.contains(change.id) {
            throw ControlError(.unsupported, "device '\(change.id)' has nothing that can be changed", field: "/id")
        } else {
            throw HotPlugError.notFound(change.id)
        }
        reply.succeed(NoFields())
    }

    private func update(_ disk: DiskHandle, _ change: DeviceUpdate.Params, _ reply: Reply<NoFields>) throws {
        try change.require(only: ["path", "bytesPerSecond", "operationsPerSecond"], of: "disk '\(disk.id)'")
        if change.hasLimits {
            guard change.path == nil else {
                throw ControlError(
                    .invalidArgument, "disk '\(disk.id)' cannot be given a file and limits at once", field: "/path",
                    hint: "change the one, and then the other")
            }
            try limit(disk, change)
            return reply.succeed(NoFields())
        }
        let done = updates.expect { [unowned self] error in
            if let error { return reply.fail(ControlError(error, field: change.path == nil ? nil : "/path")) }
            if let path = change.path, let index = configuration?.disks.firstIndex(where: { $0.id == disk.id }) {
                configuration?.disks[index].path = path
            }
            reply.succeed(NoFields())
        }
        if let path = change.path { disk.replaceImage(path: path, done) } else { disk.resize(done) }
    }

    private func limit(_ disk: DiskHandle, _ change: DeviceUpdate.Params) throws {
        let disks = try current().configuration.disks
        guard let index = disks.firstIndex(where: { $0.id == disk.id }) else { throw HotPlugError.notFound(disk.id) }
        var limited = disks[index]
        limited.bytesPerSecond = change.limit(\.bytesPerSecond, before: limited.bytesPerSecond)
        limited.operationsPerSecond = change.limit(\.operationsPerSecond, before: limited.operationsPerSecond)
        try validate(as: nil) { next in
            next.disks[index] = limited
            return "/disks/\(index)"
        }
        disk.setLimits(
            bytesPerSecond: limited.bytesPerSecond, operationsPerSecond: limited.operationsPerSecond)
        configuration?.disks[index] = limited
    }

    private func update(_ net: NetHandle, _ change: DeviceUpdate.Params) throws {
        try change.require(only: ["linkUp", "bytesPerSecond"], of: "network card '\(net.id)'")
        guard change.linkUp != nil || change.hasLimits else {
            throw ControlError(
                .invalidArgument, "there is nothing to change of network card '\(net.id)'",
                hint: "give 'linkUp', true or false, or 'bytesPerSecond'")
        }
        if change.hasLimits { try limit(net, change) }
        if let isUp = change.linkUp { net.setLink(up: isUp) }
    }

    private func limit(_ net: NetHandle, _ change: DeviceUpdate.Params) throws {
        let nets = try current().configuration.nets
        guard let index = nets.firstIndex(where: { $0.id == net.id }) else { throw HotPlugError.notFound(net.id) }
        var limited = nets[index]
        limited.bytesPerSecond = change.limit(\.bytesPerSecond, before: limited.bytesPerSecond)
        try validate(as: nil) { next in
            next.nets[index] = limited
            return "/nets/\(index)"
        }
        net.setLimit(bytesPerSecond: limited.bytesPerSecond)
        configuration?.nets[index] = limited
    }

    // MARK: -

    /// Checks what the configuration would become, with all devices that are on their way in.
    ///
    /// - Parameters:
    ///   - parameter: a pointer to the request's parameter that is the device; nil where its fields are parameters.
    ///   - change: makes the change, and says where in the configuration that is.
    private func validate(as parameter: String?, _ change: (inout VMConfiguration) -> String) throws {
        var next = try current().configuration
        next.disks += attachingDisks
        next.nets += attachingNets
        let path = change(&next)
        do throws(ConfigurationError) {
            try next.validate()
        } catch {
            guard error.field == path || error.field.hasPrefix(path + "/") else {
                // Something else has what this device wants.
                throw ControlError(.invalidArgument, error.description, field: parameter)
            }
            let field = (parameter ?? "") + error.field.dropFirst(path.count)
            throw ControlError(.invalidArgument, "\(field) \(error.value): \(error.problem)", field: field)
        }
    }
}

extension DeviceUpdate.Params {
    fileprivate var hasLimits: Bool { bytesPerSecond != nil || operationsPerSecond != nil }

    /// A limit as it is to be.
    fileprivate func limit(_ field: KeyPath<Self, UInt64?>, before: UInt64?) -> UInt64? {
        guard let value = self[keyPath: field] else { return before }
        return value == 0 ? nil : value
    }
}
