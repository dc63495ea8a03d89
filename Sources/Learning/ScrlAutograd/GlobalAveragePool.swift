// The mean over cells. x (N,C,H,W) → y (N,C).

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  package func globalAveragePool(_ x: Activation) throws(ScrlError) -> Activation {
    let value = try x.value(engine)
    let shape = try value.activationShape("global_average_pool")
    let y = Activation(try engine.globalAveragePool(value), slot: newSlot(for: x))
    if let tape, let output = y.slot {
      tape.record(GlobalAveragePoolOp(shape: shape, input: x.slot, output: output))
    }
    return y
  }
}

private struct GlobalAveragePoolOp: TapeOp {
  let shape: ActivationShape  // the extents that dy spreads over; nothing else is needed
  let input: GradientSlot?
  let output: GradientSlot

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let dy = try output.take(engine) else { return }
    try input?.receive(try engine.globalAveragePoolBackward(dy, like: shape), engine)
  }
}
