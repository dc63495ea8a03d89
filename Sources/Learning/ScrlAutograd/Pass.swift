// What a layer is given besides its input: where to compute, whether to remember, which
// statistics BatchNorm uses. The operations are extensions of it, one file each.
//
//   online network    training, tape      batch statistics, running statistics updated
//   target network    training, no tape   the same, and nothing is kept
//   evaluation        inference, no tape  running statistics
//   frozen BatchNorm  inference, tape     running statistics as constants, gradients pass

import ScrlKernels

package struct Pass {
  package enum Mode: Sendable { case training, inference }

  package let engine: any Engine
  package let tape: Tape?
  package let mode: Mode

  package init(engine: any Engine, tape: Tape? = nil, mode: Mode) {
    self.engine = engine
    self.tape = tape
    self.mode = mode
  }

  /// Where an operation with parameters puts its output's gradient; nil without a tape.
  func newSlot() -> GradientSlot? { tape == nil ? nil : GradientSlot() }

  /// The same for an operation without parameters: a gradient that nobody wants is not made.
  func newSlot(for inputs: Activation...) -> GradientSlot? {
    inputs.contains { $0.slot != nil } ? newSlot() : nil
  }
}
