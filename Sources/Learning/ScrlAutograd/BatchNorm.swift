// BatchNorm with optional ReLU over (N,C,H,W) or (N,F).
// With batch statistics dx includes their own dependence on x; with given (running) statistics
// they are constants, which is the same formula with the batch's gradient sums set to zero.

import ScrlBase
import ScrlKernels
import ScrlTensor

/// A normalisation whose statistics are known: enough to compute its output, any images of it and
/// as often as wanted, and to take its gradient.
struct Normalisation {
  let x: Tensor  // x̂ and the ReLU's mask are recomputed from it
  let norm: Norm

  func images(_ range: Range<Int>, _ engine: any Engine) throws(ScrlError) -> Tensor {
    let part = x.images(range)
    let y = try Tensor(uninitialized: part.shape, layout: part.layout)
    try engine.batchNormApply(part, norm, into: y)
    return y
  }
}

/// The gradient of a normalisation's input, made of the gradient of its output and the sums.
struct NormGradient {
  let dy: Tensor
  let of: Normalisation
  let sums: BatchGradientSums

  func images(_ range: Range<Int>, _ engine: any Engine) throws(ScrlError) -> Tensor {
    let (dy, x) = (dy.images(range), of.x.images(range))
    let dx = try Tensor(uninitialized: x.shape, layout: x.layout)
    try engine.batchNormBackwardApply(dy, x: x, of.norm, sums, into: dx)
    return dx
  }

  func whole(_ engine: any Engine) throws(ScrlError) -> Tensor {
    try images(0..<dy.shape[0], engine)
  }
}

extension Pass {
  /// Batch statistics, which are returned for the running averages.
  package func batchNorm(
    _ x: Activation, scale: Parameter, shift: Parameter, epsilon: Float, relu: Bool
  ) throws(ScrlError) -> (y: Activation, statistics: BatchStatistics) {
    let value = try x.value(engine)
    let moments = if let known = x.moments { known } else { try engine.batchNormMoments(value) }
    let statistics = try BatchStatistics(moments: moments, epsilon: epsilon)
    let norm = Norm(
      statistics: statistics, scale: scale.value, shift: shift.value, relu: relu)
    return (record(value, norm, .batch, scale, shift, input: x.slot), statistics)
  }

  /// Given statistics, as constants.
  /// - Parameter learns: false: scale and shift are constants too.
  package func batchNorm(
    _ x: Activation, statistics: BatchStatistics, scale: Parameter, shift: Parameter, relu: Bool,
    learns: Bool = true
  ) throws(ScrlError) -> Activation {
    let norm = Norm(
      statistics: statistics, scale: scale.value, shift: shift.value, relu: relu)
    return record(
      try x.value(engine), norm, .constant, learns ? scale : nil, learns ? shift : nil,
      input: x.slot)
  }

  private func record(
    _ x: Tensor, _ norm: Norm, _ origin: BatchNormOp.Origin, _ scale: Parameter?,
    _ shift: Parameter?, input: GradientSlot?
  ) -> Activation {
    let normalisation = Normalisation(x: x, norm: norm)
    let isWanted = scale != nil || input != nil
    let y = Activation(.normalised(normalisation), slot: isWanted ? newSlot() : nil)
    if let tape, let output = y.slot {
      tape.record(
        BatchNormOp(
          of: normalisation, origin: origin, scale: scale, shift: shift, input: input,
          output: output))
    }
    return y
  }
}

private struct BatchNormOp: TapeOp {
  enum Origin { case batch, constant }

  let of: Normalisation
  let origin: Origin  // of the statistics
  let scale: Parameter?  // nil: constants
  let shift: Parameter?
  let input: GradientSlot?
  let output: GradientSlot

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let (dy, taken) = try output.takeWhole(engine) else { return }
    var used = BatchGradientSums(zeros: of.norm.scale.count)
    if let scale, let shift {
      let sums =
        if let first = taken.first { first } else {
          try engine.batchNormBackwardSums(dy, x: of.x, of.norm)
        }
      let (dScale, dShift) = (try scale.gradientSum(), try shift.gradientSum())
      for c in sums.dScale.indices {
        dScale.pointer[c] += Float(sums.dScale[c])
        dShift.pointer[c] += Float(sums.dShift[c])
      }
      if origin == .batch { used = sums }
    }
    try input?.receive(NormGradient(dy: dy, of: of, sums: used), engine)
  }
}
