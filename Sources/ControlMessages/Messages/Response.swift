/// The answer to a request that was granted (JSON-RPC 2.0 §5).
public struct Response<Result: Codable>: Codable {
    private var jsonrpc = "2.0"
    public let id: RequestID
    public let result: Result

    public init(id: RequestID, result: Result) {
        self.id = id
        self.result = result
    }
}

/// The answer to one that was not.
public struct ErrorResponse: Codable, Equatable {
    public struct Body: Codable, Equatable, Sendable {
        public let code: Int
        public let message: String
        public let data: ControlError
    }

    private var jsonrpc = "2.0"
    /// Nil where the request could not be read so far.
    public let id: RequestID?
    public let error: Body

    public init(id: RequestID?, code: ErrorCode, _ error: ControlError) {
        self.id = id
        self.error = Body(code: code.rawValue, message: error.message, data: error)
    }

    private enum CodingKeys: String, CodingKey {
        case jsonrpc, id, error
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(jsonrpc, forKey: .jsonrpc)
        // An unknown id is null, and not left out.
        try container.encode(id, forKey: .id)
        try container.encode(error, forKey: .error)
    }
}

/// JSON-RPC 2.0 §5.1.
public enum ErrorCode: Int, Sendable {
    case parseError = -32700
    case invalidRequest = -32600
    case methodNotFound = -32601
    case invalidParams = -32602
    case internalError = -32603
    /// The request is right, and was not granted: `data.kind` tells more.
    case serverError = -32000

    /// In the words of the specification, where it has any.
    package var meaning: String {
        switch self {
        case .parseError: "Parse error"
        case .invalidRequest: "Invalid Request"
        case .methodNotFound: "Method not found"
        case .invalidParams: "Invalid params"
        case .internalError: "Internal error"
        case .serverError: "The request is right, and was not granted"
        }
    }

    package init(_ kind: ControlError.Kind) {
        switch kind {
        case .invalidArgument: self = .invalidParams
        case .internal: self = .internalError
        default: self = .serverError
        }
    }
}
