// The inner loops of batch normalisation over rows of b channels, and its per-channel numbers.

import ScrlBase
import ScrlTensor

/// Columns taken together, so that their float64 sums stay in L1 while the rows go by.
private let columnTile = 256

/// sum += x, square += x², in float64, four rows at a time.
func addMoments(
  _ x: UnsafePointer<Float>, _ rows: Int, _ width: Int, _ sum: UnsafeMutablePointer<Double>,
  _ square: UnsafeMutablePointer<Double>
) {
  for first in stride(from: 0, to: width, by: columnTile) {
    let columns = first..<min(first + columnTile, width)
    var row = 0
    while row &+ 4 <= rows {
      let p0 = x + row &* width
      let (p1, p2, p3) = (p0 + width, p0 + 2 &* width, p0 + 3 &* width)
      for c in columns {
        let (v0, v1, v2, v3) = (Double(p0[c]), Double(p1[c]), Double(p2[c]), Double(p3[c]))
        sum[c] += (v0 + v1) + (v2 + v3)
        square[c] += (v0 * v0).addingProduct(v1, v1) + (v2 * v2).addingProduct(v3, v3)
      }
      row &+= 4
    }
    while row < rows {
      let p = x + row &* width
      for c in columns {
        let v = Double(p[c])
        sum[c] += v
        square[c] += v * v
      }
      row &+= 1
    }
  }
}

/// The per-channel numbers of one normalisation; they live as long as their tensors.
struct NormChannels {
  private let mean: UnsafePointer<Float>
  private let factor: Tensor  // (C), scale·inv
  private let inverse: UnsafePointer<Float>
  private let shift: UnsafePointer<Float>
  private let width: Int

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

  /// sum += g, product += g·(x − mean). Four rows are added in float32, then in float64.
  func addGradients(
    _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ rows: Int, _ channel: Int,
    _ relu: Bool, _ sum: UnsafeMutablePointer<Double>, _ product: UnsafeMutablePointer<Double>
  ) {
    for first in stride(from: 0, to: width, by: columnTile) {
      let columns = first..<min(first + columnTile, width)
      if relu {
        addGradients(dy, x, rows, channel, columns, sum, product, relu: true)
      } else {
        addGradients(dy, x, rows, channel, columns, sum, product, relu: false)
      }
    }
  }

  @inline(__always)
  private func addGradients(
    _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ rows: Int, _ channel: Int,
    _ columns: Range<Int>, _ sum: UnsafeMutablePointer<Double>,
    _ product: UnsafeMutablePointer<Double>, relu: Bool
  ) {
    let (mean, factor, shift) = (mean + channel, factor.pointer + channel, shift + channel)
    var row = 0
    while row &+ 4 <= rows {
      let (d0, x0) = (dy + row &* width, x + row &* width)
      let (d1, x1) = (d0 + width, x0 + width)
      let (d2, x2, d3, x3) = (d1 + width, x1 + width, d1 + 2 &* width, x1 + 2 &* width)
      for c in columns {
        let (m, f, s) = (mean[c], factor[c], shift[c])
        let (c0, c1, c2, c3) = (x0[c] - m, x1[c] - m, x2[c] - m, x3[c] - m)
        let g0 = !relu || s.addingProduct(c0, f) > 0 ? d0[c] : 0
        let g1 = !relu || s.addingProduct(c1, f) > 0 ? d1[c] : 0
        let g2 = !relu || s.addingProduct(c2, f) > 0 ? d2[c] : 0
        let g3 = !relu || s.addingProduct(c3, f) > 0 ? d3[c] : 0
        sum[c] += Double((g0 + g1) + (g2 + g3))
        product[c] += Double(
          (g0 * c0).addingProduct(g1, c1) + (g2 * c2).addingProduct(g3, c3))
      }
      row &+= 4
    }
    while row < rows {
      let (d, x) = (dy + row &* width, x + row &* width)
      for c in columns {
        let centred = x[c] - mean[c]
        let g = !relu || shift[c].addingProduct(centred, factor[c]) > 0 ? d[c] : 0
        sum[c] += Double(g)
        product[c] += Double(g * centred)
      }
      row &+= 1
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
