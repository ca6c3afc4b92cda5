import CLinux

/// Sizes of the protocol's structures (linux/fuse.h), in bytes.
enum FUSESizes {
    static let requestHeader = MemoryLayout<fuse_in_header>.size
    static let replyHeader = MemoryLayout<fuse_out_header>.size
    /// Of `fuse_dirent`, up to the name.
    static let directoryEntry = 24
    /// Entries of directories begin at multiples of this.
    static let entryAlignment = 8

    /// The longest arguments of a request that is no `WRITE`: an extended attribute (`XATTR_SIZE_MAX`) with its name. A guest
    /// that sends more is refused.
    static let longestArguments = (64 << 10) + 4096
    /// What is told of a directory at a time, at most.
    static let largestListing = 128 << 10
}

/// The version of the protocol that is spoken: every driver has a later one, and leaves out what this has not.
enum FUSEVersion {
    static let major: UInt32 = 7
    static let minor: UInt32 = 38
    /// The oldest minor version of a driver's.
    static let oldestMinor: UInt32 = 31
}

/// What the server agrees on with a driver.
enum FUSENegotiation {
    /// Pages of 4 KiB that a request carries at most; with those for its headers they fit into a queue.
    static let pages: UInt16 = 256
    static let largestTransfer = UInt32(pages) * 4096
    /// Requests of readahead and the like that a driver has under way at most, and when it calls that congestion.
    static let background: UInt16 = 64
    static let congestion: UInt16 = 48

    /// Not among these, for a reason: remote locks (`FUSE_POSIX_LOCKS`, `FUSE_FLOCK_LOCKS`), as nobody on the host would see
    /// them; `FUSE_WRITEBACK_CACHE`, as others on the host may change files; DAX, which needs shared memory.
    static let features =
        UInt32(FUSE_ASYNC_READ) | UInt32(FUSE_ATOMIC_O_TRUNC) | UInt32(FUSE_BIG_WRITES)
        | UInt32(FUSE_AUTO_INVAL_DATA) | UInt32(FUSE_DO_READDIRPLUS) | UInt32(FUSE_READDIRPLUS_AUTO)
        | UInt32(FUSE_ASYNC_DIO) | UInt32(FUSE_PARALLEL_DIROPS) | UInt32(FUSE_MAX_PAGES)
        | UInt32(FUSE_HANDLE_KILLPRIV_V2)

    static func reply(to request: fuse_init_in) -> fuse_init_out {
        var reply = fuse_init_out()
        reply.major = FUSEVersion.major
        reply.minor = FUSEVersion.minor
        reply.max_readahead = request.max_readahead
        reply.flags = request.flags & features
        reply.max_background = background
        reply.congestion_threshold = congestion
        reply.max_write = largestTransfer
        // Times are told to the nanosecond.
        reply.time_gran = 1
        reply.max_pages = pages
        return reply
    }
}
