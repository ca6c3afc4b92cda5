import ControlMessages

extension Dispatcher {
    /// Serves the methods that are about commands in the guest.
    ///
    /// - Parameter commands: the client's, or why there are none.
    mutating func onCommands(_ commands: @escaping () throws -> GuestCommands) {
        on(ExecStart.self, later: { try commands().start($0, $1) })
        on(ExecWrite.self, later: { try commands().write($0, $1) })
        on(ExecCloseStdin.self) { params in
            try commands().closeInput(params.id)
            return NoFields()
        }
        on(ExecSignal.self) { params in
            try commands().signal(params)
            return NoFields()
        }
        on(ExecResize.self) { params in
            try commands().resize(params)
            return NoFields()
        }
        on(ExecAck.self) { params in
            try commands().acknowledge(params)
            return NoFields()
        }
        on(FSCopyIn.self, later: { try commands().copyIn($0, $1) })
        on(FSCopyOut.self, later: { try commands().copyOut($0, $1) })
        on(ExecWait.self, later: { try commands().wait($0.id, $1) })
    }
}
