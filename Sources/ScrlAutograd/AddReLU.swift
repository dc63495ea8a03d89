// The end of a residual block: y = max(a + b, 0).

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  package func addReLU(_ a: Activation, _ b: Activation) throws(ScrlError) -> Activation {
    let y = Activation(try engine.addReLU(a.value, b.value), slot: newSlot(for: a, b))
    if let tape, let output = y.slot {
      tape.record(AddReLUOp(y: y.value, a: a.slot, b: b.slot, output: output))
    }
    return y
  }
}

private struct AddReLUOp: TapeOp {
  let y: Tensor  // the mask y > 0; the next convolution keeps it anyway
  let a: GradientSlot?
  let b: GradientSlot?
  let output: GradientSlot

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let dy = output.take() else { return }
    let d = try engine.addReLUBackward(dy, y: y)
    // One tensor is the gradient of both.
    let shared = a != nil && b != nil
    try a?.receive(d, shared: shared, engine.workers)
    try b?.receive(d, shared: shared, engine.workers)
  }
}
