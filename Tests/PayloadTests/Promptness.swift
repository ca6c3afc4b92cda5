/// Whether one of five attempts succeeds, at what a busy host may be too slow for now and then.
func inOneOfFiveTries(_ attempt: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<5 where try attempt() { return true }
    return false
}
