import Boot
import ControlGroups
import ControlMessages
import Devices
import FoundationEssentials
import GuestMemory
import GuestRoot
import KVM
import Linux
import Machine
import MachineConfiguration
import Network
import Storage
import SystemPackage

extension ControlError {
    /// What a client is told of an error of the modules below.
    init(_ error: any Error) {
        switch error {
        case let error as ControlError: self = error
        case let error as ConfigurationError:
            self.init(.invalidArgument, "/config" + error.description, field: "/config" + error.field)
        case let error as ControlGroupError:
            self.init(
                error.isForbidden ? .permission : .unsupported,
                "/config\(error.field) \(error.value): \(error.problem)",
                field: "/config" + error.field, hint: error.remedy, errno: error.errno?.rawValue)
        case let error as FieldError: self.init(error.cause, field: "/config" + error.field)
        case let error as KVMError:
            let isForbidden = [.permissionDenied, .notPermitted].contains(error.errno)
            self.init(
                isForbidden ? .permission : .kvm, "\(error.subject): \(error.operation): \(error.errno)",
                hint: error.remedy, errno: error.errno.rawValue)
        case let error as SystemCallError: self.init(errno: error.errno, error.description)
        case let error as ByteSourceError: self.init(source: error)
        case let error as KernelImageError:
            if case .unreadable(let source) = error.reason {
                self.init(source: source)
            } else {
                self.init(.invalidArgument, error.description)
            }
        case let error as RawImageError: self.init(image: error)
        case let error as ShareError: self.init(share: error)
        case let error as RootSourceError: self.init(root: error)
        case let error as KeptLayerError: self.init(keptLayer: error)
        case is RootArchiveError: self.init(.invalidArgument, "\(error)")
        case AgentBootError.rootTooLarge: self.init(.resource, "\(error)")
        case let error as HotPlugError: self.init(hotPlug: error)
        case let error as TapError: self.init(Self.kind(error), error.description)
        case GuestMemoryError.mapping(let cause, _, _):
            self.init(.resource, "\(error)", field: "/config/memory", errno: cause.errno.rawValue)
        case is PlacementError, is KernelCommandLineError, is ACPIError: self.init(.invalidArgument, "\(error)")
        default: self.init(.io, "\(error)")
        }
    }

    /// What a client is told of an error that a parameter has caused.
    init(_ error: any Error, field: String?) {
        self.init(error)
        self.field = field
    }

    private init(errno: Errno, _ message: String) {
        let kind: Kind =
            switch errno {
            case .noSuchFileOrDirectory, .notDirectory: .notFound
            case .permissionDenied, .notPermitted, .readOnlyFileSystem: .permission
            case .noMemory, .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noSpace, .resourceTemporarilyUnavailable:
                .resource
            default: .io
            }
        self.init(kind, message, errno: errno.rawValue)
    }

    private init(source error: ByteSourceError) {
        switch error.problem {
        case .system(let cause): self.init(errno: cause.errno, error.description)
        case .notRegular, .shrunk: self.init(.invalidArgument, error.description)
        }
    }

    private init(image error: RawImageError) {
        switch error.problem {
        case .system(let cause): self.init(errno: cause.errno, error.description)
        case .notPermitted, .readOnlyFileSystem: self.init(.permission, error.description)
        case .anotherIsNext: self.init(.invalidState, error.description)
        case .inUse: self.init(.resource, error.description)
        case .unsuitable, .directNotSupported, .differentAccess: self.init(.invalidArgument, error.description)
        }
    }

    private init(share error: ShareError) {
        switch error.problem {
        case .system(let cause): self.init(errno: cause.errno, error.description)
        case .proc: self.init(.invalidArgument, error.description)
        case .noProc, .oldKernel: self.init(.unsupported, error.description)
        }
    }

    private init(root error: RootSourceError) {
        if case .system(let cause) = error.problem {
            self.init(errno: cause.errno, error.description)
        } else {
            self.init(.invalidArgument, error.description)
        }
    }

    private init(keptLayer error: KeptLayerError) {
        switch error.problem {
        case .system(let cause), .notMade(let cause): self.init(errno: cause.errno, error.description)
        case .special, .foreign, .truncated, .otherSize: self.init(.invalidArgument, error.description)
        case .inUse: self.init(.resource, error.description)
        case .noProgram: self.init(.unsupported, error.description)
        case .notFormatted: self.init(.io, error.description)
        }
    }

    private init(hotPlug error: HotPlugError) {
        let message = error.description
        switch error {
        case .transport: self.init(.unsupported, message, hint: #"make the machine with "transport":"pci""#)
        case .notRunning: self.init(.invalidState, message)
        case .notFound: self.init(.notFound, message, field: "/id", hint: "vm.get lists its devices")
        case .stays, .sharesSlot: self.init(.unsupported, message, field: "/id")
        case .isLeaving: self.init(.invalidState, message, field: "/id")
        case .noSlot: self.init(.resource, message, hint: "detach another device before")
        case .timedOut:
            self.init(.timeout, message, hint: "detach it again, with more time for a guest that is busy or paused")
        }
    }

    private static func kind(_ error: TapError) -> Kind {
        switch error {
        case .name, .notTap, .singleQueue, .descriptor: .invalidArgument
        case .notPermitted: .permission
        case .busy: .resource
        case .unavailable, .mtu, .system: .io
        }
    }

    /// - Parameters:
    ///   - error: what decoding `line` has thrown, a message whose method is known.
    ///   - schema: of the method's parameters.
    init(parameters error: DecodingError, of line: Data, _ schema: Schema) {
        let problem = DecodingProblem(error, in: Array(line), after: ["params"], schema: schema)
        self.init(problem, subject: "params")
    }

    /// - Parameter error: what decoding `line` has thrown, which is not a request.
    init(message error: any Error, _ line: Data) {
        guard let error = error as? DecodingError else {
            self.init(error)
            return
        }
        let problem = DecodingProblem(error, in: Array(line), schema: Envelope.schema)
        self.init(problem, subject: "the message")
    }

    /// - Parameter subject: what to call the whole.
    private init(_ problem: DecodingProblem, subject: String) {
        let isWhole = problem.place.steps.isEmpty
        self.init(
            .invalidArgument, isWhole ? "\(subject): \(problem.problem)" : "\(problem)",
            field: isWhole ? nil : "\(problem.place)")
    }
}
