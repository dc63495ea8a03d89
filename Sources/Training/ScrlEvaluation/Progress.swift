// How far an evaluation is, and whether the host still wants it.

import ScrlBase

package typealias EvaluationListener = (_ done: Int, _ total: Int) -> Bool  // false: stop

/// Counts what is done: images through the backbone, or rows where a host gave features.
final class Tally {
  private let operation: String
  private let total: Int
  private let listener: EvaluationListener
  private var done = 0

  init(_ operation: String, total: Int, _ listener: @escaping EvaluationListener) {
    self.operation = operation
    self.total = total
    self.listener = listener
  }

  /// - Parameter count: 0 only asks whether to stop.
  func advance(_ count: Int) throws(ScrlError) {
    done += count
    guard listener(done, total) else {
      throw ScrlError(.cancelled, "\(operation): stopped by the host at \(done) of \(total)")
    }
  }
}
