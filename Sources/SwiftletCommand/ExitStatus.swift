/// The exit statuses of `swiftlet run` that are not the guest's own.
enum ExitStatus {
    /// The time limit ran out.
    static let timedOut: Int32 = 124
    /// Swiftlet itself failed, or was used wrongly.
    static let failure: Int32 = 125
    /// The guest died without reporting a status.
    static let guestDied: Int32 = 255
}
