// y (N,O) = x (N,I) · weight (O,I)ᵀ + bias (O).

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  package func linear(
    _ x: Activation, weight: Parameter, bias: Parameter?
  ) throws(ScrlError) -> Activation {
    let y = Activation(
      try engine.linear(x.value, weight: weight.value, bias: bias?.value), slot: newSlot())
    if let tape, let output = y.slot {
      tape.record(
        LinearOp(x: x.value, input: x.slot, output: output, weight: weight, bias: bias))
    }
    return y
  }
}

private struct LinearOp: TapeOp {
  let x: Tensor  // dWeight = dyᵀ · x
  let input: GradientSlot?  // nil for detached features: no dx is computed
  let output: GradientSlot
  let weight: Parameter
  let bias: Parameter?

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let dy = output.take() else { return }
    try engine.linearBackwardParameters(
      dy, x: x, into: try weight.gradientSum(), try dBias())
    guard let input else { return }
    try input.receive(
      try engine.linearBackwardInput(dy, weight: weight.value), engine.workers)
  }

  private func dBias() throws(ScrlError) -> Tensor? {
    guard let bias else { return nil }
    return try bias.gradientSum()
  }
}
