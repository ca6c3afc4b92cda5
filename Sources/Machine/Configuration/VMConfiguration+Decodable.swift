/// A configuration in JSON: fields may be left out where there is a default, and unknown ones are errors.
extension VMConfiguration: Decodable {
    public init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        self.init(kernel: try fields.require(.kernel))
        try fields.read(.cpus, into: &cpus)
        try fields.read(.memory, into: &memory)
        try fields.read(.hugePages, into: &hugePages)
        try fields.read(.transport, into: &transport)
        try fields.read(.entropy, into: &entropy)
        try fields.read(.console, into: &console)
    }
}

extension VMConfiguration.Kernel: Decodable {
    public init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        self.init(path: try fields.require(.path))
        try fields.read(.initrd, into: &initrd)
        try fields.read(.commandLine, into: &commandLine)
        try fields.read(.append, into: &append)
        try fields.read(.bootProtocol, into: &bootProtocol)
    }
}
