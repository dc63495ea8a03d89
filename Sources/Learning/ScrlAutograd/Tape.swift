// The tape: operations in the order they ran. Backward pops them from the end, so that what an
// operation saved is released as soon as its gradient is done.

import ScrlBase
import ScrlKernels

/// One operation that ran forward: a struct whose fields are what its gradient needs.
package protocol TapeOp {
  /// Takes the gradient from the output's slot and passes it on; does nothing when none arrived.
  func backward(_ engine: any Engine) throws(ScrlError)
}

package final class Tape {
  private var ops: [any TapeOp] = []

  package init() {}

  package var isEmpty: Bool { ops.isEmpty }

  package func record(_ op: any TapeOp) { ops.append(op) }

  /// Runs every operation's gradient, last first. The tape is empty afterwards, also on an error.
  package func backward(_ engine: any Engine) throws(ScrlError) {
    defer { ops.removeAll() }
    while let op = ops.popLast() { try op.backward(engine) }
  }
}
