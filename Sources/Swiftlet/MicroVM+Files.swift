public import ControlMessages
import FoundationEssentials

/// Files of the host's and of a guest's whose configuration has an `agent`.
extension MicroVM {
    /// Copies a file of the host's, or a directory with all that is in it, into the guest. Returns when it is there.
    ///
    /// When the task is cancelled, the copying is given up; what has been copied stays.
    ///
    /// - Parameters:
    ///   - source: on the host; a relative path is relative to this process's working directory.
    ///   - target: in the guest, an absolute path: a directory to copy into, or what the copy is to be called.
    ///   - user, group: the guest's, as numbers, whose the files are, and as whom they are made; nil for the group of the
    ///     user's number.
    /// - Returns: how many files, directories and links there were, and the bytes of all files.
    /// - Throws: `ControlError` whose field is `/source` or `/target`, for the side that it is about. What cannot be read is
    ///   left out, and then an error.
    @discardableResult
    public func copyIn(
        _ source: String, to target: String, user: UInt32 = 0, group: UInt32? = nil
    ) async throws -> CopyResult {
        let params = FSCopyIn.Params(source: Self.absolute(source), target: target, uid: user, gid: group ?? user)
        return try await call(FSCopyIn.self, params, endsWhenCancelled: true)
    }

    /// Copies a file of the guest's, or a directory with all that is in it, to the host. Files there belong to this
    /// process's user.
    ///
    /// - Parameters:
    ///   - source: in the guest, an absolute path.
    ///   - target: on the host, as the target of `copyIn`; a relative path is relative to this process's working directory.
    /// - Returns, Throws: as `copyIn`.
    @discardableResult
    public func copyOut(_ source: String, to target: String) async throws -> CopyResult {
        let params = FSCopyOut.Params(source: source, target: Self.absolute(target))
        return try await call(FSCopyOut.self, params, endsWhenCancelled: true)
    }

    private static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
    }
}
