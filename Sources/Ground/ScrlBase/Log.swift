// Notes for the host. Without a sink nothing is said: the library never prints.

package final class Log: @unchecked Sendable {
  package typealias Sink = @Sendable (String) -> Void

  package static let shared = Log()

  private let lock = RecursiveLock()
  private var sink: Sink?

  package func setSink(_ sink: Sink?) { lock.locked { self.sink = sink } }

  package func afterFork() { lock.reset() }

  /// Sends one line; what a file put into it is escaped and cut.
  package func note(_ line: @autoclosure () -> String) {
    lock.locked { sink?(oneLine(line())) }
  }
}
