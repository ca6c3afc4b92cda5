import System

/// Copies files in place of a program, and ends this process: the status is the errno of what went wrong first, whose path
/// stderr has then.
func perform(_ copy: ExecRequest.Copy, _ arguments: TextList) -> Never {
    // Nothing of the agent's stays open, as execve(2) would see to.
    close_above(2)
    guard let path = arguments.pointers[0] else { _exit(EINVAL) }
    let summary: TreeSummary
    switch copy {
    case .receive:
        let bytes = [UInt8](UnsafeRawBufferPointer(start: path, count: strlen(path)))
        summary = TreeReceiver(from: 0, mask: 0o7777).receive(at: bytes, as: nil)
    case .send:
        summary = TreeSender(to: 1).send(path)
    }
    write(2, summary.place, summary.place.count)
    _exit(summary.error)
}
