// The kernels of a step that are not products, on the shapes of a network.

import ScrlBase
import ScrlKernels
import ScrlPretraining
import ScrlTensor

struct ElementwiseBench<E: Engine> {
  let engine: E
  let config: Config
  let clock: Stopwatch

  func run(_ network: Network) throws(ScrlError) {
    for (norm, count) in network.norms.entries {
      try batchNorm(
        norm, count: count, sums: network.sums.count(of: norm.shape),
        isPooled: norm.shape == network.pooled)
    }
    for (shape, count) in network.sums.entries { try residual(shape, count) }
    for (shape, count) in network.joins.entries { try join(shape, count) }
    if let pooled = network.pooled { try maxPool(pooled) }
    try pooling(network.last)
    try updates(network)
  }

  func text(_ s: Shape) -> String {
    "\(config.stepViews)x\(s.channels)x\(s.side)x\(s.side)"
  }
  func count(_ s: Shape) -> Int { config.stepViews * s.channels * s.side * s.side }
  /// Of so many passes over a tensor of this shape.
  func bytes(_ passes: Int, _ s: Shape) -> Work { .bytes(Double(4 * passes * count(s))) }

  /// In the engine's blocks.
  func ring(_ s: Shape) throws(ScrlError) -> [Tensor] {
    var tensors: [Tensor] = []
    while tensors.count < ringLength(elements: count(s)) {
      tensors.append(
        try samples(
          [config.stepViews, s.channels, s.side, s.side],
          layout: .blocked(engine.channelBlock(for: s.channels)), seed: tensors.count))
    }
    return tensors
  }

  private func residual(_ s: Shape, _ uses: Int) throws(ScrlError) {
    let (a, b, y) = (try ring(s), try ring(s), try ring(s))
    let norm = try self.norm(of: a[0], relu: false)
    // Made again in the backward pass.
    try clock.time(
      "add_relu", text(s), bytes(3, s), uses: (config.forwardPasses + 1) * uses, ring: a.count
    ) { i throws(ScrlError) in
      try engine.addReLU(Addend(a[i], norm), Addend(b[i]), into: y[i])
    }
    let (dy, more) = (try ring(s), b)
    try clock.time("add_relu_backward", text(s), bytes(5, s), uses: uses, ring: a.count) {
      i throws(ScrlError) in
      _ = try engine.addReLUBackward(
        dy[i], adding: more[i], y: y[i], sumsOf: Addend(a[i], norm))
    }
  }

  private func join(_ s: Shape, _ uses: Int) throws(ScrlError) {
    let (a, b) = (try ring(s), try ring(s))
    try clock.time("accumulate", text(s), bytes(3, s), uses: uses, ring: a.count) {
      i throws(ScrlError) in
      try accumulate(a[i], b[i], engine.workers)
    }
  }

  private func maxPool(_ s: Shape) throws(ScrlError) {
    let g = try PoolGeometry(kernel: 3, stride: 2, padding: 1)
    let (x, dx) = (try ring(s), try ring(s))
    let y = try engine.activation(try pooledShape(x[0].shape, g))
    let winners = try PoolWinners(uninitialized: y, g)
    let work = Work.bytes(Double(4 * (count(s) + y.count)))
    try clock.time("max_pool", text(s), work, uses: config.forwardPasses, ring: x.count) {
      i throws(ScrlError) in
      try engine.maxPool(x[i], into: y, winners)
    }
    let dy = try samples(y.shape, layout: y.layout, seed: 1)
    try clock.time("max_pool_backward", text(s), work, uses: 1, ring: x.count) {
      i throws(ScrlError) in
      try engine.maxPoolBackward(dy, winners: winners, into: dx[i])
    }
  }

  /// From the last feature map to what is projected.
  private func pooling(_ s: Shape) throws(ScrlError) {
    if config.method.unit == .regions { try roiAlign(s) } else { try averagePool(s) }
  }

  private func roiAlign(_ s: Shape) throws(ScrlError) {
    let x = try ring(s)
    var out = x
    let shape = try x[0].activationShape("bench")
    let roi = try config.roiOptions(side: config.roiPoolSize)
    let boxes = spreadBoxes()
    try clock.time(
      "roi_align", text(s), bytes(1, s), uses: config.forwardPasses, ring: x.count
    ) { i throws(ScrlError) in
      out[i] = try engine.roiAlign(x[i], boxes: boxes, roi)
    }
    let dy = try engine.roiAlign(x[0], boxes: boxes, roi)
    try clock.time("roi_align_backward", text(s), bytes(1, s), uses: 1, ring: x.count) {
      i throws(ScrlError) in
      out[i] = try engine.roiAlignBackward(dy, boxes: boxes, roi, like: shape)
    }
  }

  private func averagePool(_ s: Shape) throws(ScrlError) {
    let x = try ring(s)
    var out = x
    let shape = try x[0].activationShape("bench")
    try clock.time(
      "average_pool", text(s), bytes(1, s), uses: config.forwardPasses, ring: x.count
    ) { i throws(ScrlError) in
      out[i] = try engine.globalAveragePool(x[i])
    }
    let dy = try engine.globalAveragePool(x[0])
    try clock.time("average_pool_backward", text(s), bytes(1, s), uses: 1, ring: x.count) {
      i throws(ScrlError) in
      out[i] = try engine.globalAveragePoolBackward(dy, like: shape)
    }
  }

  /// Boxes of a sixth to a half of a view, in each view as many as the config asks for.
  private func spreadBoxes() -> [RegionBox] {
    let unit = Float(config.viewSize) / 14
    return (0..<config.stepViews * config.boxesPerImage).map {
      let (left, top) = (unit * Float($0 % 7), unit * Float($0 % 5))
      return RegionBox(
        image: $0 / config.boxesPerImage, x0: left, y0: top,
        x1: left + unit * (2.5 + 2 * Float($0 % 3)), y1: top + unit * 6)
    }
  }

  /// The encoder's weights in pieces as large as ResNet-50's largest convolution.
  private func updates(_ network: Network) throws(ScrlError) {
    let piece = 512 * 512 * 9
    let weights = network.convolutions.entries.reduce(0) {
      $0 + $1.count * $1.value.geometry.weightShape.reduce(1, *)
    }
    let pieces = max(1, (weights + piece / 2) / piece)
    let kinds = try (0..<4).map { kind throws(ScrlError) in
      try (0..<pieces).map { i throws(ScrlError) in try samples([piece], seed: 4 * i + kind) }
    }
    let workers = engine.workers
    try clock.time("lars", "\(piece)", .bytes(Double(20 * piece)), uses: pieces, ring: pieces) {
      i throws(ScrlError) in
      try larsSGDStep(
        weight: kinds[0][i].buffer, gradient: kinds[1][i].buffer,
        momentumBuffer: kinds[2][i].buffer, rate: 0.1, momentum: 0.9, weightDecay: 1e-6,
        trust: 1e-3, epsilon: 1e-8, adapt: true, gradientScale: 1, workers)
    }
    guard config.forwardPasses == 2 else { return }
    try clock.time("ema", "\(piece)", .bytes(Double(12 * piece)), uses: pieces, ring: pieces) {
      i throws(ScrlError) in
      try emaUpdate(
        target: kinds[3][i].buffer, online: kinds[0][i].buffer, momentum: 0.99, workers)
    }
  }
}
