/// The exit statuses of `swiftlet run` that are not the guest's own.
enum ExitStatus: Int32 {
    /// The time limit ran out.
    case timedOut = 124
    /// Swiftlet itself failed, or was used wrongly.
    case failure = 125
    /// The guest died without reporting a status.
    case guestDied = 255
}
