// Batch normalisation (Ioffe & Szegedy 2015, algorithm 1) with optional ReLU, over the rows of
// (N,C,H,W) or (N,F): y = scale·(x − mean)·inv + shift, inv = 1/√(variance + ε).
// Backward, M rows, g = dy under the ReLU's mask, x̂ = (x − mean)·inv:
//   dx = scale·inv·(g − Σg/M − x̂·Σ(g·x̂)/M).
// Sums are float64 per chunk of rows, chunks added in order. Not here: running statistics.

import ScrlBase
import ScrlTensor

extension Engine {
  package func batchNorm(
    _ x: Tensor, scale: Tensor, shift: Tensor, epsilon: Float, relu: Bool
  ) throws(ScrlError) -> (y: Tensor, statistics: BatchStatistics) {
    let shape = try x.rowsShape("batch_norm")
    if let panels = Panels(shape, operands: 1) {
      return try batchNorm(
        x, panels, shape, scale: scale, shift: shift, epsilon: epsilon, relu: relu)
    }
    let moments = try batchNormMoments(x)
    let statistics = try BatchStatistics(moments: moments, epsilon: epsilon)
    let y = try batchNormApply(x, statistics: statistics, scale: scale, shift: shift, relu: relu)
    return (y, statistics)
  }

  package func batchNormBackward(
    _ dy: Tensor, x: Tensor, statistics: BatchStatistics, scale: Tensor, shift: Tensor,
    relu: Bool, into dScale: Tensor, _ dShift: Tensor
  ) throws(ScrlError) -> Tensor {
    let operation = "batch_norm_backward"
    let (dx, sums): (Tensor, BatchGradientSums)
    if let panels = Panels(try x.rowsShape(operation), operands: 2) {
      (dx, sums) = try batchNormBackward(
        dy, x, panels, statistics: statistics, scale: scale, shift: shift, relu: relu)
    } else {
      sums = try batchNormBackwardSums(
        dy, x: x, statistics: statistics, scale: scale, shift: shift, relu: relu)
      dx = try batchNormBackwardApply(
        dy, x: x, statistics: statistics, sums: sums, scale: scale, shift: shift, relu: relu)
    }
    try expectCount(operation, "dScale", dScale, sums.dScale.count)
    try expectCount(operation, "dShift", dShift, sums.dShift.count)
    for c in sums.dScale.indices {
      dScale.pointer[c] += Float(sums.dScale[c])
      dShift.pointer[c] += Float(sums.dShift[c])
    }
    return dx
  }

  package func batchNormMoments(_ x: Tensor) throws(ScrlError) -> BatchMoments {
    let shape = try x.rowsShape("batch_norm")
    let source = x.pointer
    if let panels = Panels(shape, operands: 1) {
      return try moments(x, panels, shape)
    }
    let (sum, squareSum) = try sumOverRows(shape) { offset, _, rows, sum, square in
      addMoments(source + offset, rows, shape.block, sum, square)
    }
    return BatchMoments(
      count: shape.images * shape.cells, sum: sum, squareSum: squareSum)
  }

  package func batchNormApply(
    _ x: Tensor, statistics: BatchStatistics, scale: Tensor, shift: Tensor, relu: Bool
  ) throws(ScrlError) -> Tensor {
    let shape = try x.rowsShape("batch_norm")
    let channels = try NormChannels("batch_norm", shape, statistics, scale, shift)
    let y = try Tensor(uninitialized: x.shape, layout: x.layout)
    let (from, to) = (x.pointer, y.pointer)
    if let panels = Panels(shape, operands: 1) {
      panels.normalize(panels.groups, x, channels, relu, into: y, workers)
      return y
    }
    let chunks = RowChunks(shape)
    workers.run(chunks.count) { index in
      let (offset, rows, channel) = chunks[index]
      channels.normalize(from + offset, rows, channel, relu, into: to + offset)
    }
    return y
  }

  package func batchNormBackwardSums(
    _ dy: Tensor, x: Tensor, statistics: BatchStatistics, scale: Tensor, shift: Tensor, relu: Bool
  ) throws(ScrlError) -> BatchGradientSums {
    try expectSame("batch_norm_backward", x, dy)
    let shape = try x.rowsShape("batch_norm_backward")
    let channels = try NormChannels("batch_norm_backward", shape, statistics, scale, shift)
    if let panels = Panels(shape, operands: 2) {
      var sums = BatchGradientSums(zeros: shape.channels)
      try panels.addGradients(panels.groups, dy, x, channels, relu, into: &sums, workers)
      return sums
    }
    let (gradient, source) = (dy.pointer, x.pointer)
    var (dShift, dScale) = try sumOverRows(shape) { offset, channel, rows, sum, product in
      channels.addGradients(
        gradient + offset, source + offset, rows, channel, relu, sum, product)
    }
    channels.finishSums(&dScale, 0..<shape.channels)
    return BatchGradientSums(dShift: dShift, dScale: dScale)
  }

  package func batchNormBackwardApply(
    _ dy: Tensor, x: Tensor, statistics: BatchStatistics, sums: BatchGradientSums, scale: Tensor,
    shift: Tensor, relu: Bool
  ) throws(ScrlError) -> Tensor {
    let operation = "batch_norm_backward"
    try expectSame(operation, x, dy)
    let shape = try x.rowsShape(operation)
    let channels = try NormChannels(operation, shape, statistics, scale, shift)
    try expectSums(operation, sums, statistics, channels: shape.channels)
    let slopes = try Tensor(uninitialized: [shape.channels, 2])
    channels.setSlopes(slopes, 0..<shape.channels, sums, rows: statistics.count)
    let dx = try Tensor(uninitialized: x.shape, layout: x.layout)
    if let panels = Panels(shape, operands: 2) {
      panels.gradients(panels.groups, dy, x, channels, slopes, relu, into: dx, workers)
      return dx
    }
    let (gradient, source, to) = (dy.pointer, x.pointer, dx.pointer)
    let chunks = RowChunks(shape)
    workers.run(chunks.count) { index in
      let (offset, rows, channel) = chunks[index]
      channels.gradients(
        gradient + offset, source + offset, slopes.pointer + channel * 2, rows, channel, relu,
        into: to + offset)
    }
    withExtendedLifetime(slopes) {}
    return dx
  }

  /// Two float64 sums per channel over all rows. body(offset, channel, rows, first, second) adds
  /// one chunk's rows into b + b sums that begin at zero.
  private func sumOverRows(
    _ shape: ActivationShape,
    _ body: (
      Int, Int, Int, UnsafeMutablePointer<Double>, UnsafeMutablePointer<Double>
    ) -> Void
  ) throws(ScrlError) -> ([Double], [Double]) {
    let chunks = RowChunks(shape)
    let width = chunks.width
    var first = [Double](repeating: 0, count: shape.channels)
    var second = first
    try withDoubleScratch(chunks.count * width * 2) { partial in
      workers.run(chunks.count) { index in
        let (offset, rows, channel) = chunks[index]
        let sums = partial + index * width * 2
        sums.update(repeating: 0, count: width * 2)
        body(offset, channel, rows, sums, sums + width)
      }
      for index in 0..<chunks.count {
        let sums = partial + index * width * 2
        let channel = chunks[index].channel
        for c in 0..<width {
          first[channel + c] += sums[c]
          second[channel + c] += sums[width + c]
        }
      }
    }
    return (first, second)
  }
}

/// Sums over a batch, of as many channels: running statistics have no rows.
func expectSums(
  _ operation: String, _ sums: BatchGradientSums, _ statistics: BatchStatistics, channels: Int
) throws(ScrlError) {
  guard sums.dShift.count == channels, sums.dScale.count == channels, statistics.count > 0 else {
    throw ScrlError(
      .shape,
      "\(operation): got sums of \(sums.dShift.count) channels over \(statistics.count) rows · "
        + "expected \(channels) channels of batch statistics")
  }
}
