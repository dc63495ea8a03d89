// The BatchNorm layer over (N,C,H,W) or (N,F), with the ReLU that may follow fused.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlTensor

package struct BatchNorm: Module {
  package static let epsilon: Float = 1e-5
  package static let momentum: Float = 0.1  // of the running statistics, PyTorch's meaning

  package let scale: Parameter  // (C), "weight"
  package let shift: Parameter  // (C), "bias"
  package let runningMean: RunningStatistic  // (C)
  package let runningVariance: RunningStatistic  // (C), unbiased

  package init(
    name: String, channels: Int, _ source: inout WeightSource
  ) throws(ScrlError) {
    scale = try source.parameter(name + ".weight", .normScale, [channels], .constant(1))
    shift = try source.parameter(name + ".bias", .normShift, [channels], .constant(0))
    runningMean = try RunningStatistic(
      name: name + ".running_mean", channels: channels, initial: 0)
    runningVariance = try RunningStatistic(
      name: name + ".running_var", channels: channels, initial: 1)
  }

  package func forward(
    _ x: Activation, relu: Bool, _ pass: Pass
  ) throws(ScrlError) -> Activation {
    switch pass.mode {
    case .training:
      let (y, statistics) = try pass.batchNorm(
        x, scale: scale, shift: shift, epsilon: BatchNorm.epsilon, relu: relu)
      updateRunning(statistics)
      return y
    case .inference:  // with a tape: a frozen norm, which lets gradients through and learns none
      return try pass.batchNorm(
        x, statistics: try runningStatistics(), scale: scale, shift: shift, relu: relu,
        learns: false)
    }
  }

  package func collect(into contents: inout ModuleContents, prefix: String) {
    contents.add(scale, prefix: prefix)
    contents.add(shift, prefix: prefix)
    contents.add(runningMean, prefix: prefix)
    contents.add(runningVariance, prefix: prefix)
  }

  private func updateRunning(_ batch: BatchStatistics) {
    // Bessel's n/(n−1); one row has no unbiased variance, its biased one (0) is taken.
    let rows = Double(batch.count)
    let unbiased = Float(rows / Double(max(batch.count - 1, 1)))
    runningMean.update(batch.mean, momentum: BatchNorm.momentum)
    runningVariance.update(batch.variance, momentum: BatchNorm.momentum, factor: unbiased)
  }

  private func runningStatistics() throws(ScrlError) -> BatchStatistics {
    let variance = runningVariance.value
    let inverse = try Tensor(uninitialized: variance.shape)
    for channel in 0..<variance.count {
      inverse.pointer[channel] = 1 / (variance.pointer[channel] + BatchNorm.epsilon).squareRoot()
    }
    // Constants have no row count; where one divides by it, it divides zero sums.
    return BatchStatistics(
      mean: runningMean.value, inverseDeviation: inverse, variance: variance, count: 1)
  }
}
