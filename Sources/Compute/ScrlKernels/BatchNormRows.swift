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

  init(_ operation: String, _ shape: ActivationShape, _ norm: Norm) throws(ScrlError) {
    let statistics = norm.statistics
    try expectCount(operation, "mean", statistics.mean, shape.channels)
    try expectCount(
      operation, "inverse deviation", statistics.inverseDeviation, shape.channels)
    try expectCount(operation, "scale", norm.scale, shape.channels)
    try expectCount(operation, "shift", norm.shift, shape.channels)
    factor = try Tensor(uninitialized: [shape.channels])
    mean = UnsafePointer(statistics.mean.pointer)
    inverse = UnsafePointer(statistics.inverseDeviation.pointer)
    shift = UnsafePointer(norm.shift.pointer)
    width = shape.block
    for c in 0..<shape.channels { factor.pointer[c] = norm.scale.pointer[c] * inverse[c] }
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
  func setSlopes(_ slopes: Tensor, _ sums: BatchGradientSums, rows: Int) {
    for c in sums.dShift.indices {
      let place = c / width * width * 2 + c % width
      let factor = Double(factor.pointer[c]) / Double(rows)
      slopes.pointer[place] = Float(factor * sums.dShift[c])
      slopes.pointer[place + width] = Float(factor * Double(inverse[c]) * sums.dScale[c])
    }
  }

  /// Σ(g·x̂) from Σ(g·(x − mean)).
  func finishSums(_ dScale: inout [Double]) {
    for c in dScale.indices { dScale[c] *= Double(inverse[c]) }
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
