import ControlMessages

extension MicroVM {
    /// Something that happened to a machine.
    public enum Event: Sendable, Equatable {
        case stateChanged(VMStateChanged)
        /// The guest's kernel gave up.
        case panicked(GuestPanic)
        /// Something that whoever looks after the machine may want to know.
        case logged(LogLine)
        /// The last event of a machine whose end is known.
        case exited(VMEnding)
    }

    /// What happens to the machine, from its start to its end.
    public var events: Events { Events(vm: self) }

    /// A machine's events. Whoever reads them gets them all, from the machine's start; of more than 1024, the latest.
    public struct Events: AsyncSequence, Sendable {
        let vm: MicroVM

        public func makeAsyncIterator() -> Iterator {
            Iterator(vm: vm)
        }

        public struct Iterator: AsyncIteratorProtocol {
            let vm: MicroVM
            private var position = 0

            init(vm: MicroVM) {
                self.vm = vm
            }

            /// - Returns: nil after the machine's end, and when the task is cancelled.
            public mutating func next() async -> Event? {
                guard let (event, next) = await vm.shared.events.event(from: position) else { return nil }
                position = next
                return event
            }
        }
    }
}
