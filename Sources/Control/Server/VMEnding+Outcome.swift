import ControlMessages
import Machine

extension VMEnding {
    init(_ outcome: Outcome) {
        switch outcome {
        case .poweredOff(let code): self.init(cause: .poweredOff, code: code)
        case .reset: self.init(cause: .reset)
        case .panicked(let reason): self.init(cause: .panicked, message: reason)
        case .fault(let report): self.init(cause: .tripleFault, message: report.summary)
        case .killed(.signal(let number)): self.init(cause: .killed, signal: number)
        case .killed: self.init(cause: .killed)
        case .failed(let report): self.init(cause: .vmmError, message: report.summary)
        }
    }
}
