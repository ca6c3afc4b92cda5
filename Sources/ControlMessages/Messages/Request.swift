/// A request on the line (JSON-RPC 2.0 §4), as a client writes it.
package struct Request<Params: Encodable>: Encodable {
    let jsonrpc = "2.0"
    let id: RequestID
    let method: String
    let params: Params

    package init(id: RequestID, method: String, params: Params) {
        self.id = id
        self.method = method
        self.params = params
    }
}

/// What all messages of a server have in common: an answer has an id, a notification a method.
package struct ServerMessage: Decodable {
    package let id: RequestID?
    package let method: String?
    package let isError: Bool

    private enum CodingKeys: CodingKey {
        case id, method, error
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decodeIfPresent(RequestID.self, forKey: .id)
        method = try container.decodeIfPresent(String.self, forKey: .method)
        isError = container.contains(.error)
    }
}
