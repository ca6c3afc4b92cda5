/// The file or directory that a tree begins with.
public enum TreeTop {
    /// What it becomes in a directory that is there already: as cp(1) has it, what ends in `.` or `..` goes into the directory
    /// itself. The root, which has no name, becomes `root`.
    public static func name(of path: [UInt8]) -> [UInt8] {
        guard let last = path.split(separator: UInt8(ascii: "/")).last else { return [UInt8]("root".utf8) }
        return TreeRecord.isName([UInt8](last)) ? [UInt8](last) : TreeRecord.target
    }
}
