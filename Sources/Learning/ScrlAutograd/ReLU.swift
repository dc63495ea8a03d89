// y = max(x, 0), of a map or a matrix. Where an operation has a ReLU of its own, that is cheaper.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  package func relu(_ x: Activation) throws(ScrlError) -> Activation {
    let value = try x.value(engine)
    let y = try Tensor(uninitialized: value.shape, layout: value.layout)
    try engine.relu(value, into: y)
    let result = Activation(y, slot: newSlot(for: x))
    if let tape, let input = x.slot, let output = result.slot {
      tape.record(ReLUOp(y: y, input: input, output: output))
    }
    return result
  }
}

private struct ReLUOp: TapeOp {
  let y: Tensor  // the mask y > 0
  let input: GradientSlot
  let output: GradientSlot

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let d = try output.takeMasked(by: y, engine) else { return }
    try input.receive(d, engine)
  }
}

extension GradientSlot {
  /// The gradient before a ReLU whose output was y.
  func takeMasked(by y: Tensor, _ engine: any Engine) throws(ScrlError) -> Tensor? {
    guard let d = try take(engine)?.writable() else { return nil }
    _ = try engine.addReLUBackward(d, adding: nil, y: y, sumsOf: nil)
    return d
  }
}
