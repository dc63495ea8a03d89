// y (N,O) = x (N,I) · weight (O,I)ᵀ + bias (O).

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  package func linear(
    _ x: Activation, weight: Parameter, bias: Parameter?
  ) throws(ScrlError) -> Activation {
    let y = Activation(
      try engine.linear(try x.value(engine), weight: weight.value, bias: bias?.value),
      slot: newSlot())
    if let tape, let output = y.slot {
      tape.record(
        LinearOp(x: x.source, input: x.slot, output: output, weight: weight, bias: bias))
    }
    return y
  }
}

private struct LinearOp: TapeOp {
  let x: Source  // dWeight = dyᵀ · x
  let input: GradientSlot?  // nil for detached features: no dx is computed
  let output: GradientSlot
  let weight: Parameter
  let bias: Parameter?

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let dy = try output.take(engine) else { return }
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
