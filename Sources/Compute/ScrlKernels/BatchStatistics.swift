// Mean and deviation of each channel, from a batch's sums or from running averages.

import ScrlBase
import ScrlTensor

extension BatchStatistics {
  /// Of a batch, over all machines. The variance is the biased one.
  package init(moments: BatchMoments, epsilon: Float) throws(ScrlError) {
    let channels = moments.sum.count
    guard moments.count > 0, channels > 0, moments.squareSum.count == channels else {
      throw ScrlError(
        .shape,
        "batch_norm: got moments of \(moments.count) rows, \(channels) channels · expected more "
          + "than none")
    }
    self.init(
      mean: try Tensor(uninitialized: [channels]),
      inverseDeviation: try Tensor(uninitialized: [channels]),
      variance: try Tensor(uninitialized: [channels]), count: moments.count)
    let rows = Double(moments.count)
    for c in 0..<channels {
      let m = moments.sum[c] / rows
      let v = max(moments.squareSum[c] / rows - m * m, 0)
      mean.pointer[c] = Float(m)
      variance.pointer[c] = Float(v)
      inverseDeviation.pointer[c] = Float(1 / (v + Double(epsilon)).squareRoot())
    }
  }

  /// Of the running averages, for inference: count 0, no backward.
  package init(
    runningMean: Tensor, runningVariance: Tensor, epsilon: Float
  ) throws(ScrlError) {
    try expectCount("batch_norm", "running variance", runningVariance, runningMean.count)
    let inverse = try Tensor(uninitialized: [runningMean.count])
    for c in 0..<runningMean.count {
      let v = max(Double(runningVariance.pointer[c]), 0)
      inverse.pointer[c] = Float(1 / (v + Double(epsilon)).squareRoot())
    }
    self.init(
      mean: try runningMean.copied(), inverseDeviation: inverse,
      variance: try runningVariance.copied(), count: 0)
  }
}
