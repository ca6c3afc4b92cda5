import System

/// Replaces this process by a program, found as a shell finds it. Returns when that fails.
///
/// - Returns: why, as an errno.
func execute(_ arguments: TextList, environment: TextList) -> CInt {
    guard let name = arguments.pointers[0], name[0] != 0 else { return ENOENT }
    if strchr(name, CInt(UInt8(ascii: "/"))) != nil { return execute(file: name, arguments, environment) }
    var error = ENOENT
    let candidate = UnsafeMutablePointer<CChar>.allocate(capacity: Int(PATH_MAX))
    var rest: UnsafePointer<CChar>? = searchPath(in: environment)
    while let directory = rest {
        let end = strchr(directory, CInt(UInt8(ascii: ":")))
        rest = end.map { UnsafePointer($0 + 1) }
        let length = end.map { $0 - UnsafeMutablePointer(mutating: directory) } ?? strlen(directory)
        guard length + strlen(name) + 2 <= Int(PATH_MAX) else { continue }
        // An empty part is the working directory.
        memcpy(candidate, directory, length)
        candidate[length] = CChar(bitPattern: UInt8(ascii: "/"))
        strcpy(length == 0 ? candidate : candidate + length + 1, name)
        let failure = execute(file: candidate, arguments, environment)
        if failure != ENOENT, failure != ENOTDIR { error = failure }
    }
    return error
}

private func searchPath(in environment: TextList) -> UnsafePointer<CChar> {
    for index in 0..<environment.count {
        if let variable = environment.pointers[index], strncmp(variable, "PATH=", 5) == 0 {
            return UnsafePointer(variable + 5)
        }
    }
    return text("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
}

private func execute(file: UnsafeMutablePointer<CChar>, _ arguments: TextList, _ environment: TextList) -> CInt {
    execve(file, arguments.pointers, environment.pointers)
    let error = last_error()
    guard error == ENOEXEC else { return error }
    let shell = UnsafeMutablePointer(mutating: text("/bin/sh"))
    let words = TextList(count: arguments.count + 1)
    words.pointers[0] = shell
    words.pointers[1] = file
    for index in 1..<arguments.count { words.pointers[index + 1] = arguments.pointers[index] }
    execve(shell, words.pointers, environment.pointers)
    return error
}
