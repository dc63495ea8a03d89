// BatchNorm with optional ReLU over (N,C,H,W) or (N,F).
// With batch statistics dx includes their own dependence on x; with given (running) statistics
// they are constants, which is the same formula with the batch's gradient sums set to zero.

import ScrlBase
import ScrlKernels
import ScrlTensor

/// A normalisation that ran: enough to take its gradient, and to compute its output again.
struct Normalisation {
  let x: Tensor  // x̂ and the ReLU's mask are recomputed from it; y is not kept
  let statistics: BatchStatistics  // mean and deviation of x̂
  let scale: Parameter
  let shift: Parameter
  let relu: Bool

  func output(_ engine: any Engine) throws(ScrlError) -> Tensor {
    try engine.batchNormApply(
      x, statistics: statistics, scale: scale.value, shift: shift.value, relu: relu)
  }
}

extension Pass {
  /// Batch statistics, which are returned for the running averages.
  package func batchNorm(
    _ x: Activation, scale: Parameter, shift: Parameter, epsilon: Float, relu: Bool
  ) throws(ScrlError) -> (y: Activation, statistics: BatchStatistics) {
    let (y, statistics) = try engine.batchNorm(
      x.value, scale: scale.value, shift: shift.value, epsilon: epsilon, relu: relu)
    let norm = Normalisation(
      x: x.value, statistics: statistics, scale: scale, shift: shift, relu: relu)
    return (record(norm, .batch, y, input: x.slot), statistics)
  }

  /// Given statistics, as constants.
  package func batchNorm(
    _ x: Activation, statistics: BatchStatistics, scale: Parameter, shift: Parameter, relu: Bool
  ) throws(ScrlError) -> Activation {
    let norm = Normalisation(
      x: x.value, statistics: statistics, scale: scale, shift: shift, relu: relu)
    return record(norm, .constant, try norm.output(engine), input: x.slot)
  }

  private func record(
    _ norm: Normalisation, _ origin: BatchNormOp.Origin, _ y: Tensor, input: GradientSlot?
  ) -> Activation {
    guard let tape else { return Activation(y) }
    let output = GradientSlot()
    tape.record(BatchNormOp(norm: norm, origin: origin, input: input, output: output))
    return Activation(y, slot: output, recipe: recomputes ? norm : nil)
  }
}

private struct BatchNormOp: TapeOp {
  enum Origin { case batch, constant }

  let norm: Normalisation
  let origin: Origin  // of the statistics
  let input: GradientSlot?
  let output: GradientSlot

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
      dy, x: norm.x, statistics: norm.statistics, scale: norm.scale.value,
      shift: norm.shift.value, relu: norm.relu, into: try norm.scale.gradientSum(),
      try norm.shift.gradientSum())
  }

  private func constantBackward(
    _ dy: Tensor, _ engine: any Engine
  ) throws(ScrlError) -> Tensor {
    var sums = try engine.batchNormBackwardSums(
      dy, x: norm.x, statistics: norm.statistics, scale: norm.scale.value,
      shift: norm.shift.value, relu: norm.relu)
    let (dScale, dShift) = (try norm.scale.gradientSum(), try norm.shift.gradientSum())
    for channel in sums.dScale.indices {
      dScale.pointer[channel] += Float(sums.dScale[channel])
      dShift.pointer[channel] += Float(sums.dShift[channel])
      sums.dScale[channel] = 0
      sums.dShift[channel] = 0
    }
    return try engine.batchNormBackwardApply(
      dy, x: norm.x, statistics: norm.statistics, sums: sums, scale: norm.scale.value,
      shift: norm.shift.value, relu: norm.relu)
  }
}
