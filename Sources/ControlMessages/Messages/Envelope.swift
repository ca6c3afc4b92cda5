import MachineConfiguration

/// What all messages of a client have in common (JSON-RPC 2.0 §4).
package struct Envelope: Decodable {
    /// Nil for a notification, which is never answered.
    package let id: RequestID?
    package let method: String
    package let hasParams: Bool

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case jsonrpc, id, method, params
    }

    package init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        guard try fields.require(.jsonrpc) == "2.0" else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: [CodingKeys.jsonrpc], debugDescription: #"the version must be "2.0""#))
        }
        // Null is no id: a client that made it by mistake would wait for its answer.
        id = fields.has(.id) ? try fields.require(.id, as: RequestID.self) : nil
        method = try fields.require(.method)
        hasParams = fields.has(.params)
    }
}

/// The id of a message that may otherwise be no good.
package struct MessageIdentity: Decodable {
    package let id: RequestID?
}

/// The parameters of a message whose method is known.
package struct Call<Params: Decodable>: Decodable {
    package let params: Params
}
