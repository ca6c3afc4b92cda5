import Boot
import ControlMessages
import GuestMemory
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
        case let error as DecodingError: self.init(decoding: error)
        case let error as ConfigurationError:
            self.init(.invalidArgument, error.description, field: "config." + error.field)
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
            field = "config.kernel.path"
        case let error as RawImageError: self.init(image: error)
        case let error as TapError: self.init(Self.kind(error), error.description)
        case GuestMemoryError.mapping(let cause, _, _):
            self.init(.resource, "\(error)", field: "config.memory", errno: cause.errno.rawValue)
        case is PlacementError, is KernelCommandLineError, is ACPIError: self.init(.invalidArgument, "\(error)")
        default: self.init(.io, "\(error)")
        }
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

    private static func kind(_ error: TapError) -> Kind {
        switch error {
        case .name, .notTap, .singleQueue, .descriptor: .invalidArgument
        case .notPermitted: .permission
        case .busy: .resource
        case .unavailable, .mtu, .system: .io
        }
    }

    private init(decoding error: DecodingError) {
        let (path, problem): ([any CodingKey], String) =
            switch error {
            case .keyNotFound(let key, let context): (context.codingPath + [key], "this field must be there")
            case .typeMismatch(let type, let context): (context.codingPath, "this must be \(Self.name(type))")
            case .valueNotFound(let type, let context):
                (context.codingPath, "this must be \(Self.name(type)), not null")
            case .dataCorrupted(let context): (context.codingPath, context.debugDescription)
            @unknown default: ([], "\(error)")
            }
        // Clients think of parameters, and not of the message around them.
        let isParameter = path.first?.stringValue == "params"
        let field = Self.field(isParameter ? path.dropFirst() : path[...])
        let subject = field.isEmpty ? (isParameter ? "params" : "the message") : field
        self.init(.invalidArgument, "\(subject): \(problem)", field: field.isEmpty ? nil : field)
    }

    /// A dotted path, such as `config.disks[0].path`.
    private static func field(_ path: ArraySlice<any CodingKey>) -> String {
        path.reduce("") { field, key in
            if let index = key.intValue { return "\(field)[\(index)]" }
            return field.isEmpty ? key.stringValue : "\(field).\(key.stringValue)"
        }
    }

    /// A type in JSON's terms.
    private static func name(_ type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is any BinaryInteger.Type: "a whole number"
        case is any RangeReplaceableCollection.Type: "a list"
        default: "an object"
        }
    }
}
