// Batch normalisation over blocks of 8 or 16 channels, group by group of blocks: what the first
// sweep read, the second still finds in the cache that cores share. x is read from memory once
// where it would be read twice, and in the backward pass so are x and dy.
// Split entry and fused entry cut and add alike: their bytes are the same.

import ScrlBase
import ScrlTensor

extension Engine {
  func batchNorm(
    _ x: Tensor, _ panels: Panels, _ shape: ActivationShape, scale: Tensor, shift: Tensor,
    epsilon: Float, relu: Bool
  ) throws(ScrlError) -> (y: Tensor, statistics: BatchStatistics) {
    var moments = BatchMoments(zeros: shape)
    let statistics = try BatchStatistics(uninitialized: shape.channels, count: moments.count)
    let channels = try NormChannels(
      unprepared: "batch_norm", shape, statistics, scale, shift)
    let y = try Tensor(uninitialized: x.shape, layout: x.layout)
    for group in panels.groups {
      let only = group..<group + 1
      try panels.addMoments(only, x, into: &moments, workers)
      statistics.set(panels.channels(group), moments, epsilon: epsilon)
      channels.prepare(panels.channels(group))
      panels.normalize(only, x, channels, relu, into: y, workers)
    }
    return (y, statistics)
  }

  func moments(
    _ x: Tensor, _ panels: Panels, _ shape: ActivationShape
  ) throws(ScrlError) -> BatchMoments {
    var moments = BatchMoments(zeros: shape)
    try panels.addMoments(panels.groups, x, into: &moments, workers)
    return moments
  }

  func batchNormBackward(
    _ dy: Tensor, _ x: Tensor, _ panels: Panels, statistics: BatchStatistics, scale: Tensor,
    shift: Tensor, relu: Bool
  ) throws(ScrlError) -> (dx: Tensor, sums: BatchGradientSums) {
    let operation = "batch_norm_backward"
    try expectSame(operation, x, dy)
    let shape = try x.rowsShape(operation)
    let channels = try NormChannels(operation, shape, statistics, scale, shift)
    var sums = BatchGradientSums(zeros: shape.channels)
    try expectSums(operation, sums, statistics, channels: shape.channels)
    let slopes = try Tensor(uninitialized: [shape.channels, 2])
    let dx = try Tensor(uninitialized: x.shape, layout: x.layout)
    for group in panels.groups {
      let only = group..<group + 1
      try panels.addGradients(only, dy, x, channels, relu, into: &sums, workers)
      channels.setSlopes(slopes, panels.channels(group), sums, rows: statistics.count)
      panels.gradients(only, dy, x, channels, slopes, relu, into: dx, workers)
    }
    return (dx, sums)
  }
}

extension Panels {
  func addMoments(
    _ groups: Range<Int>, _ x: Tensor, into moments: inout BatchMoments, _ workers: Workers
  ) throws(ScrlError) {
    let x = x.pointer
    try sum(groups, workers, into: &moments.sum, &moments.squareSum) { offset, count, _, sums in
      ScrlKernels.addMoments(x + offset, count, sums)
    }
  }

  func normalize(
    _ groups: Range<Int>, _ x: Tensor, _ channels: NormChannels, _ relu: Bool, into y: Tensor,
    _ workers: Workers
  ) {
    let past = goesPastCaches(y.count, block: block)
    let (x, y) = (x.pointer, y.pointer)
    sweep(groups, workers) { offset, count, block in
      let lanes = NormLanes(channels, block)
      lanes.normalize(x + offset, count, relu, into: y + offset, past: past)
      endStores(past: past)
    }
  }

  func addGradients(
    _ groups: Range<Int>, _ dy: Tensor, _ x: Tensor, _ channels: NormChannels, _ relu: Bool,
    into sums: inout BatchGradientSums, _ workers: Workers
  ) throws(ScrlError) {
    let (dy, x) = (dy.pointer, x.pointer)
    try sum(groups, workers, into: &sums.dShift, &sums.dScale) { offset, count, block, lanes in
      NormLanes(channels, block).addGradients(dy + offset, x + offset, count, relu, lanes)
    }
    for group in groups { channels.finishSums(&sums.dScale, self.channels(group)) }
  }

  func gradients(
    _ groups: Range<Int>, _ dy: Tensor, _ x: Tensor, _ channels: NormChannels, _ slopes: Tensor,
    _ relu: Bool, into dx: Tensor, _ workers: Workers
  ) {
    let past = goesPastCaches(dx.count, block: block)
    let (dy, x, dx) = (dy.pointer, x.pointer, dx.pointer)
    sweep(groups, workers) { offset, count, block in
      let lanes = NormLanes(channels, block, slopes: slopes.pointer)
      lanes.gradients(dy + offset, x + offset, count, relu, into: dx + offset, past: past)
      endStores(past: past)
    }
  }
}

extension BatchMoments {
  init(zeros shape: ActivationShape) {
    let zeros = [Double](repeating: 0, count: shape.channels)
    self.init(count: shape.images * shape.cells, sum: zeros, squareSum: zeros)
  }
}

extension BatchGradientSums {
  init(zeros channels: Int) {
    let zeros = [Double](repeating: 0, count: channels)
    self.init(dShift: zeros, dScale: zeros)
  }
}
