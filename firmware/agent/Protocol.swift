/// What stands in docs/agent-protocol.md.
enum Protocol {
    static let version: UInt32 = 1
    static let controlPort: UInt32 = 53570
    static let streamPort: UInt32 = 53571
    static let headerSize = 12
    static let longestPayload = 1 << 20
    static let tokenSize = 16
    static let mostCommands = 64
    /// Bytes of frames that may wait for the host before it is listened to no more.
    static let mostWaiting = 64 << 10

    enum Kind: UInt16 {
        case hello = 1
        case exec = 16
        case signal = 17
        case resize = 18
        case powerOff = 19
        case mount = 20
        case makeDirectory = 21
        case limitProcesses = 22
        case mountDisk = 23
        case configureInterface = 24
        case replaceFile = 25
        case started = 32
        case exited = 33
        case failed = 34
        case outputComplete = 35
        case streamFailed = 36
        case done = 37
        case refused = 38
    }

    enum Refusal: UInt16 {
        case malformed = 1
        case unknownKind = 2
        case idInUse = 3
        case tooManyCommands = 4
        case otherVersion = 5
        case notBeforeHello = 6
        case badLength = 7
    }

    /// Where a request failed.
    enum Step: UInt32 {
        case resources = 1
        case limit = 2
        case root = 3
        case user = 4
        case directory = 5
        case execution = 6
        case fileSystem = 7
    }

    /// What a command may have run into, as bits.
    enum Limit {
        static let memory: UInt32 = 1
        static let processes: UInt32 = 2
        static let disk: UInt32 = 4
    }

    enum Stream: UInt32 {
        case input = 0
        case output = 1
        case errors = 2
    }
}
