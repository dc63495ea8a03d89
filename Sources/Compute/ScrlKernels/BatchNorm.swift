// Batch normalisation (Ioffe & Szegedy 2015, algorithm 1) with optional ReLU, over the rows of
// (N,C,H,W) or (N,F): y = scale·(x − mean)·inv + shift, inv = 1/√(variance + ε).
// Backward, M rows, g = dy under the ReLU's mask, x̂ = (x − mean)·inv:
//   dx = scale·inv·(g − Σg/M − x̂·Σ(g·x̂)/M).
// Each half of each pass is an entry of its own: sums may be gathered over groups of images, or
// machines, before they are used. Sums are float64 per part of the rows, parts added in order.
// Not here: running statistics.

import ScrlBase
import ScrlTensor

extension Engine {
  package func batchNormMoments(_ x: Tensor) throws(ScrlError) -> BatchMoments {
    let shape = try x.rowsShape("batch_norm")
    let source = x.pointer
    var moments = BatchMoments(zeros: shape)
    if let panels = Panels(shape) {
      try panels.sum(workers, into: &moments.sum, &moments.squareSum) { offset, count, _, sums in
        addMoments(source + offset, count, sums)
      }
    } else {
      try sumOverRows(shape, into: &moments.sum, &moments.squareSum) {
        offset, _, rows, sum, square in
        addMoments(source + offset, rows, shape.block, sum, square)
      }
    }
    return moments
  }

  package func batchNormApply(
    _ x: Tensor, _ norm: Norm, into y: Tensor
  ) throws(ScrlError) {
    try expectSame("batch_norm", x, y)
    let shape = try x.rowsShape("batch_norm")
    let channels = try NormChannels("batch_norm", shape, norm)
    let (from, to) = (x.pointer, y.pointer)
    if let panels = Panels(shape) {
      panels.sweep(workers) { offset, count, block in
        NormLanes(channels, block).normalize(from + offset, count, norm.relu, into: to + offset)
      }
    } else {
      sweepRows(shape) { offset, channel, rows in
        channels.normalize(from + offset, rows, channel, norm.relu, into: to + offset)
      }
    }
    withExtendedLifetime(channels) {}
  }

  package func batchNormBackwardSums(
    _ dy: Tensor, x: Tensor, _ norm: Norm
  ) throws(ScrlError) -> BatchGradientSums {
    try expectSame("batch_norm_backward", x, dy)
    let shape = try x.rowsShape("batch_norm_backward")
    let channels = try NormChannels("batch_norm_backward", shape, norm)
    let (gradient, source) = (dy.pointer, x.pointer)
    var sums = BatchGradientSums(zeros: shape.channels)
    if let panels = Panels(shape) {
      try panels.sum(workers, into: &sums.dShift, &sums.dScale) { offset, count, block, lanes in
        NormLanes(channels, block).addGradients(
          gradient + offset, source + offset, count, norm.relu, lanes)
      }
    } else {
      try sumOverRows(shape, into: &sums.dShift, &sums.dScale) {
        offset, channel, rows, sum, product in
        channels.addGradients(
          gradient + offset, source + offset, rows, channel, norm.relu, sum, product)
      }
    }
    channels.finishSums(&sums.dScale)
    return sums
  }

  package func batchNormBackwardApply(
    _ dy: Tensor, x: Tensor, _ norm: Norm, _ sums: BatchGradientSums, into dx: Tensor
  ) throws(ScrlError) {
    let operation = "batch_norm_backward"
    try expectSame(operation, x, dy)
    try expectSame(operation, x, dx)
    let shape = try x.rowsShape(operation)
    let channels = try NormChannels(operation, shape, norm)
    try expectSums(operation, sums, norm.statistics, channels: shape.channels)
    let slopes = try Tensor(uninitialized: [shape.channels, 2])
    channels.setSlopes(slopes, sums, rows: norm.statistics.count)
    let (gradient, source, to, slope) = (dy.pointer, x.pointer, dx.pointer, slopes.pointer)
    if let panels = Panels(shape) {
      panels.sweep(workers) { offset, count, block in
        NormLanes(channels, block, slopes: slope).gradients(
          gradient + offset, source + offset, count, norm.relu, into: to + offset)
      }
    } else {
      sweepRows(shape) { offset, channel, rows in
        channels.gradients(
          gradient + offset, source + offset, slope + channel * 2, rows, channel, norm.relu,
          into: to + offset)
      }
    }
    withExtendedLifetime((channels, slopes)) {}
  }
}

extension BatchMoments {
  init(zeros shape: ActivationShape) {
    let zeros = [Double](repeating: 0, count: shape.channels)
    self.init(count: shape.images * shape.cells, sum: zeros, squareSum: zeros)
  }
}

extension BatchGradientSums {
  package init(zeros channels: Int) {
    let zeros = [Double](repeating: 0, count: channels)
    self.init(dShift: zeros, dScale: zeros)
  }
}

/// Sums over a batch, of as many channels: running statistics have no rows.
private func expectSums(
  _ operation: String, _ sums: BatchGradientSums, _ statistics: BatchStatistics, channels: Int
) throws(ScrlError) {
  guard sums.dShift.count == channels, sums.dScale.count == channels, statistics.count > 0 else {
    throw ScrlError(
      .shape,
      "\(operation): got sums of \(sums.dShift.count) channels over \(statistics.count) rows · "
        + "expected \(channels) channels of batch statistics")
  }
}
