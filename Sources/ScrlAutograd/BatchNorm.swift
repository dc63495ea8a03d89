// BatchNorm with optional ReLU over (N,C,H,W) or (N,F).
// With batch statistics dx includes their own dependence on x; with given (running) statistics
// they are constants, which is the same formula with the batch's gradient sums set to zero.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  /// Batch statistics, which are returned for the running averages.
  package func batchNorm(
    _ x: Activation, scale: Parameter, shift: Parameter, epsilon: Float, relu: Bool
  ) throws(ScrlError) -> (y: Activation, statistics: BatchStatistics) {
    let (value, statistics) = try engine.batchNorm(
      x.value, scale: scale.value, shift: shift.value, epsilon: epsilon, relu: relu)
    let y = recordBatchNorm(x, value, statistics, .batch, scale, shift, relu)
    return (y, statistics)
  }

  /// Given statistics, as constants.
  package func batchNorm(
    _ x: Activation, statistics: BatchStatistics, scale: Parameter, shift: Parameter, relu: Bool
  ) throws(ScrlError) -> Activation {
    let value = try engine.batchNormApply(
      x.value, statistics: statistics, scale: scale.value, shift: shift.value, relu: relu)
    return recordBatchNorm(x, value, statistics, .constant, scale, shift, relu)
  }

  private func recordBatchNorm(
    _ x: Activation, _ value: Tensor, _ statistics: BatchStatistics,
    _ origin: BatchNormOp.Origin, _ scale: Parameter, _ shift: Parameter, _ relu: Bool
  ) -> Activation {
    let y = Activation(value, slot: newSlot())
    if let tape, let output = y.slot {
      tape.record(
        BatchNormOp(
          x: x.value, statistics: statistics, origin: origin, input: x.slot, output: output,
          scale: scale, shift: shift, relu: relu))
    }
    return y
  }
}

private struct BatchNormOp: TapeOp {
  enum Origin { case batch, constant }

  let x: Tensor  // x̂ and the ReLU's mask are recomputed from it; y is not kept
  let statistics: BatchStatistics  // mean and deviation of x̂
  let origin: Origin
  let input: GradientSlot?
  let output: GradientSlot
  let scale: Parameter
  let shift: Parameter
  let relu: Bool

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let dy = output.take() else { return }
    let dx: Tensor
    switch origin {
    case .batch: dx = try batchBackward(dy, engine)
    case .constant: dx = try constantBackward(dy, engine)
    }
    try input?.receive(dx, engine.workers)
  }

  private func batchBackward(_ dy: Tensor, _ engine: any Engine) throws(ScrlError) -> Tensor {
    try engine.batchNormBackward(
      dy, x: x, statistics: statistics, scale: scale.value, shift: shift.value, relu: relu,
      into: try scale.gradientSum(), try shift.gradientSum())
  }

  private func constantBackward(
    _ dy: Tensor, _ engine: any Engine
  ) throws(ScrlError) -> Tensor {
    var sums = try engine.batchNormBackwardSums(
      dy, x: x, statistics: statistics, scale: scale.value, shift: shift.value, relu: relu)
    let (dScale, dShift) = (try scale.gradientSum(), try shift.gradientSum())
    for channel in sums.dScale.indices {
      dScale.pointer[channel] += Float(sums.dScale[channel])
      dShift.pointer[channel] += Float(sums.dShift[channel])
      sums.dScale[channel] = 0
      sums.dShift[channel] = 0
    }
    return try engine.batchNormBackwardApply(
      dy, x: x, statistics: statistics, sums: sums, scale: scale.value, shift: shift.value,
      relu: relu)
  }
}
