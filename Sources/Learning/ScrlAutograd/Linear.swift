// y (N,O) = x (N,I) · weight (O,I)ᵀ + bias (O), or max(…, 0) of it.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  package func linear(
    _ x: Activation, weight: Parameter, bias: Parameter?, relu: Bool = false
  ) throws(ScrlError) -> Activation {
    let y = try engine.linear(try x.value(engine), weight: weight.value, bias: bias?.value)
    if relu { try engine.relu(y, into: y) }
    let result = Activation(y, slot: newSlot())
    if let tape, let output = result.slot {
      tape.record(
        LinearOp(
          x: x.source, input: x.slot, output: output, weight: weight, bias: bias,
          y: relu ? y : nil))
    }
    return result
  }
}

private struct LinearOp: TapeOp {
  let x: Source  // dWeight = dyᵀ · x
  let input: GradientSlot?  // nil for detached features: no dx is computed
  let output: GradientSlot
  let weight: Parameter
  let bias: Parameter?
  let y: Tensor?  // the ReLU's mask y > 0; nil: no ReLU

  func backward(_ engine: any Engine) throws(ScrlError) {
    let taken =
      if let y { try output.takeMasked(by: y, engine) } else { try output.take(engine) }
    guard let dy = taken else { return }
    try engine.linearBackwardParameters(
      dy, x: try x.images(0..<x.shape[0], engine), into: try weight.gradientSum(), try dBias())
    guard let input else { return }
    try input.receive(try engine.linearBackwardInput(dy, weight: weight.value), engine)
  }

  private func dBias() throws(ScrlError) -> Tensor? {
    guard let bias else { return nil }
    return try bias.gradientSum()
  }
}
