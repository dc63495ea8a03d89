// Batch normalisation's per-channel numbers and its elementwise loops over rows of b channels.
// Not here: the reductions (BatchNormSums).

import ScrlBase
import ScrlTensor

/// The per-channel numbers of one normalisation; they live as long as their tensors.
struct NormChannels {
  let mean: UnsafePointer<Float>
  let factor: Tensor  // (C), scale·inv
  private let inverse: UnsafePointer<Float>
  let shift: UnsafePointer<Float>
  let width: Int

  init(
    _ operation: String, _ shape: ActivationShape, _ statistics: BatchStatistics, _ scale: Tensor,
    _ shift: Tensor
  ) throws(ScrlError) {
    try expectCount(operation, "mean", statistics.mean, shape.channels)
    try expectCount(
      operation, "inverse deviation", statistics.inverseDeviation, shape.channels)
    try expectCount(operation, "scale", scale, shape.channels)
    try expectCount(operation, "shift", shift, shape.channels)
    factor = try Tensor(uninitialized: [shape.channels])
    for c in 0..<shape.channels {
      factor.pointer[c] = scale.pointer[c] * statistics.inverseDeviation.pointer[c]
    }
    mean = UnsafePointer(statistics.mean.pointer)
    inverse = UnsafePointer(statistics.inverseDeviation.pointer)
    self.shift = UnsafePointer(shift.pointer)
    width = shape.block
  }

  func normalize(
    _ x: UnsafePointer<Float>, _ rows: Int, _ channel: Int, _ relu: Bool,
    into y: UnsafeMutablePointer<Float>
  ) {
    let (mean, factor, shift) = (mean + channel, factor.pointer + channel, shift + channel)
    for row in 0..<rows {
      let (x, y) = (x + row &* width, y + row &* width)
      if relu {
        for c in 0..<width {
          let value = shift[c].addingProduct(x[c] - mean[c], factor[c])
          y[c] = value < 0 ? 0 : value
        }
      } else {
        for c in 0..<width { y[c] = shift[c].addingProduct(x[c] - mean[c], factor[c]) }
      }
    }
  }

  /// Per block: b times scale·inv·Σg/M, then b times scale·inv²·Σ(g·x̂)/M.
  func slopes(_ sums: BatchGradientSums, rows: Int) throws(ScrlError) -> Tensor {
    let result = try Tensor(uninitialized: [sums.dShift.count, 2])
    for c in sums.dShift.indices {
      let place = c / width * width * 2 + c % width
      let factor = Double(factor.pointer[c]) / Double(rows)
      result.pointer[place] = Float(factor * sums.dShift[c])
      result.pointer[place + width] = Float(factor * Double(inverse[c]) * sums.dScale[c])
    }
    return result
  }

  /// dx = scale·inv·g − slopes₀ − slopes₁·(x − mean).
  func gradients(
    _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ slopes: UnsafePointer<Float>,
    _ rows: Int, _ channel: Int, _ relu: Bool, into dx: UnsafeMutablePointer<Float>
  ) {
    let (mean, factor, shift) = (mean + channel, factor.pointer + channel, shift + channel)
    let steep = slopes + width
    for row in 0..<rows {
      let (dy, x, dx) = (dy + row &* width, x + row &* width, dx + row &* width)
      if relu {
        for c in 0..<width {
          let centred = x[c] - mean[c]
          let g = shift[c].addingProduct(centred, factor[c]) > 0 ? dy[c] : 0
          dx[c] = factor[c] * g - slopes[c] - steep[c] * centred
        }
      } else {
        for c in 0..<width {
          dx[c] = factor[c] * dy[c] - slopes[c] - steep[c] * (x[c] - mean[c])
        }
      }
    }
  }
}

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
    let mean = try Tensor(uninitialized: [channels])
    let variance = try Tensor(uninitialized: [channels])
    let inverse = try Tensor(uninitialized: [channels])
    let rows = Double(moments.count)
    for c in 0..<channels {
      let m = moments.sum[c] / rows
      let v = max(moments.squareSum[c] / rows - m * m, 0)
      mean.pointer[c] = Float(m)
      variance.pointer[c] = Float(v)
      inverse.pointer[c] = Float(1 / (v + Double(epsilon)).squareRoot())
    }
    self.init(mean: mean, inverseDeviation: inverse, variance: variance, count: moments.count)
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
