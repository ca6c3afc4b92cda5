/// A configuration in JSON: fields may be left out where there is a default, and unknown ones are errors.
extension VMConfiguration: Decodable {
    public init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        self.init(kernel: try fields.require(.kernel))
        try fields.read(.cpus, into: &cpus)
        try fields.read(.memory, into: &memory)
        try fields.read(.hugePages, into: &hugePages)
        try fields.read(.transport, into: &transport)
        try fields.read(.disks, into: &disks)
        try fields.read(.entropy, into: &entropy)
        try fields.read(.nets, into: &nets)
        try fields.read(.balloon, into: &balloon)
        try fields.read(.console, into: &console)
        try fields.read(.ports, into: &ports)
        try fields.read(.vsock, into: &vsock)
        try fields.read(.shares, into: &shares)
        try fields.read(.agent, into: &agent)
        try fields.read(.limits, into: &limits)
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

extension VMConfiguration.Disk: Decodable {
    public init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        self.init(id: try fields.require(.id), path: try fields.require(.path))
        try fields.read(.readOnly, into: &readOnly)
        try fields.read(.direct, into: &direct)
        try fields.read(.serial, into: &serial)
        try fields.read(.queues, into: &queues)
        try fields.read(.queueSize, into: &queueSize)
        try fields.read(.bytesPerSecond, into: &bytesPerSecond)
        try fields.read(.operationsPerSecond, into: &operationsPerSecond)
    }
}

extension VMConfiguration.Net: Decodable {
    public init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        self.init(id: try fields.require(.id))
        try fields.read(.tap, into: &tap)
        try fields.read(.fd, into: &fd)
        try fields.read(.user, into: &user)
        try fields.read(.mac, into: &mac)
        try fields.read(.mtu, into: &mtu)
        try fields.read(.queues, into: &queues)
        try fields.read(.bytesPerSecond, into: &bytesPerSecond)
    }
}

extension VMConfiguration.Vsock: Decodable {
    public init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        self.init(cid: try fields.require(.cid), socket: try fields.require(.socket))
    }
}

extension VMConfiguration.Balloon: Decodable {
    public init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        self.init()
        try fields.read(.size, into: &size)
        try fields.read(.deflateOnOOM, into: &deflateOnOOM)
        try fields.read(.statisticsInterval, into: &statisticsInterval)
    }
}

extension VMConfiguration.Console: Decodable {
    public init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        self.init()
        try fields.read(.device, into: &device)
        try fields.read(.output, into: &output)
    }
}

extension VMConfiguration.Port: Decodable {
    public init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        self.init(name: try fields.require(.name))
        try fields.read(.socket, into: &socket)
        try fields.read(.file, into: &file)
    }
}
