// The timed kernels of one ResNet-50 step: N views of S×S pixels.

import ScrlBase
import ScrlKernels
import TestSupport
import ScrlTensor

/// Enough sets of operands to exceed a 32 MiB cache three times.
private let ringBytes = 100_000_000

func timeStep(
  _ engine: some Engine, _ options: Options, _ clock: Stopwatch
) throws(ScrlError) {
  let network = Network(size: options.size)
  let bench = StepBench(engine: engine, options: options, clock: clock)
  for (shape, relu, count) in network.norms { try bench.batchNorm(shape, relu: relu, count) }
  for (shape, count) in network.sums { try bench.residual(shape, count) }
  for (shape, count) in network.joins { try bench.join(shape, count) }
  try bench.maxPool(network.pooled)
  try bench.heads(network.last)
  try bench.updates()
}

private struct StepBench<E: Engine> {
  let engine: E
  let options: Options
  let clock: Stopwatch

  func text(_ s: Shape) -> String {
    "\(options.views)x\(s.channels)x\(s.side)x\(s.side)/\(block(s))"
  }
  func block(_ s: Shape) -> Int { options.block == 0 ? s.channels : options.block }
  func count(_ s: Shape) -> Int { options.views * s.channels * s.side * s.side }

  /// Pseudo-random numbers in ±1, which masks and maxima cannot guess.
  func ring(_ s: Shape) throws(ScrlError) -> [Tensor] {
    var tensors: [Tensor] = []
    for _ in 0..<max(1, ringBytes / (count(s) * 4)) {
      let x = try Tensor(
        uninitialized: [options.views, s.channels, s.side, s.side], layout: .blocked(block(s)))
      fill(x, seed: tensors.count)
      tensors.append(x)
    }
    return tensors
  }

  func batchNorm(_ s: Shape, relu: Bool, _ uses: Int) throws(ScrlError) {
    let (x, dy) = (try ring(s), try ring(s))
    let (scale, shift) = (try channels(s, 1), try channels(s, 2))
    let (dScale, dShift) = (try channels(s, 0), try channels(s, 0))
    let name = relu ? "norm_relu" : "norm"
    let n = count(s)
    var out = x
    let (_, statistics) = try engine.batchNorm(
      x[0], scale: scale, shift: shift, epsilon: 1e-5, relu: relu)
    try clock.time("\(name)_forward", text(s), 2 * n, 2 * uses, x.count) { i throws(ScrlError) in
      out[i] =
        try engine.batchNorm(x[i], scale: scale, shift: shift, epsilon: 1e-5, relu: relu).y
    }
    try clock.time("\(name)_backward", text(s), 3 * n, uses, x.count) { i throws(ScrlError) in
      out[i] = try engine.batchNormBackward(
        dy[i], x: x[i], statistics: statistics, scale: scale, shift: shift, relu: relu,
        into: dScale, dShift)
    }
    guard relu, s.side * 2 != options.size else { return }  // pooling recomputes nothing
    try clock.time("\(name)_again", text(s), 2 * n, uses, x.count) { i throws(ScrlError) in
      out[i] = try engine.batchNormApply(
        x[i], statistics: statistics, scale: scale, shift: shift, relu: relu)
    }
  }

  func residual(_ s: Shape, _ uses: Int) throws(ScrlError) {
    let (a, b) = (try ring(s), try ring(s))
    var out = a
    try clock.time("add_relu", text(s), 3 * count(s), 2 * uses, a.count) { i throws(ScrlError) in
      out[i] = try engine.addReLU(a[i], b[i])
    }
    try clock.time("add_relu_backward", text(s), 3 * count(s), uses, a.count) {
      i throws(ScrlError) in
      out[i] = try engine.addReLUBackward(a[i], y: b[i])
    }
  }

  func join(_ s: Shape, _ uses: Int) throws(ScrlError) {
    let (a, b) = (try ring(s), try ring(s))
    try clock.time("accumulate", text(s), 3 * count(s), uses, a.count) { i throws(ScrlError) in
      try accumulate(a[i], b[i], engine.workers)
    }
  }

  func maxPool(_ s: Shape) throws(ScrlError) {
    let g = try PoolGeometry(kernel: 3, stride: 2, padding: 1)
    let x = try ring(s)
    var out = x
    let (y, winners) = try engine.maxPool(x[0], g)
    let n = count(s) + y.count
    try clock.time("max_pool", text(s), n, 2, x.count) { i throws(ScrlError) in
      out[i] = try engine.maxPool(x[i], g).y
    }
    fill(y, seed: 1)
    try clock.time("max_pool_backward", text(s), n, 1, x.count) { i throws(ScrlError) in
      out[i] = try engine.maxPoolBackward(
        y, winners: winners, inputHeight: s.side, inputWidth: s.side)
    }
  }

  func heads(_ s: Shape) throws(ScrlError) {
    let x = try ring(s)
    var out = x
    let shape = try x[0].activationShape("bench")
    // SCRL: about ten boxes a view, pooled to one cell.
    let roi = try RoIAlignOptions(
      outputHeight: 1, outputWidth: 1, spatialScale: 1 / 32, samplingRatio: -1, aligned: true)
    let boxes = (0..<options.views * 10).map {
      let (left, top) = (Float($0 % 7 * 16), Float($0 % 5 * 16))
      return RegionBox(
        image: $0 / 10, x0: left, y0: top, x1: left + 40 + Float($0 % 3 * 30), y1: top + 100)
    }
    let n = count(s)
    try clock.time("roi_align", text(s), n, 2, x.count) { i throws(ScrlError) in
      out[i] = try engine.roiAlign(x[i], boxes: boxes, roi)
    }
    let dy = try engine.roiAlign(x[0], boxes: boxes, roi)
    try clock.time("roi_align_backward", text(s), n, 1, x.count) { i throws(ScrlError) in
      out[i] = try engine.roiAlignBackward(dy, boxes: boxes, roi, like: shape)
    }
    let mean = try engine.globalAveragePool(x[0])
    try clock.time("average_pool", text(s), n, 0, x.count) { i throws(ScrlError) in
      out[i] = try engine.globalAveragePool(x[i])
    }
    try clock.time("average_pool_backward", text(s), n, 0, x.count) { i throws(ScrlError) in
      out[i] = try engine.globalAveragePoolBackward(mean, like: shape)
    }
  }

  /// 11 weights as large as ResNet-50's largest: 26 million.
  func updates() throws(ScrlError) {
    let n = 512 * 512 * 9
    let all = try (0..<4).map { _ throws(ScrlError) in
      try (0..<11).map { seed throws(ScrlError) in
        let x = try Tensor(uninitialized: [n])
        fill(x, seed: seed)
        return x
      }
    }
    let workers = engine.workers
    try clock.time("lars", "\(n)", 5 * n, 11, 11) { i throws(ScrlError) in
      try larsSGDStep(
        weight: all[0][i].buffer, gradient: all[1][i].buffer, momentumBuffer: all[2][i].buffer,
        rate: 0.1, momentum: 0.9, weightDecay: 1e-6, trust: 1e-3, epsilon: 1e-8, adapt: true,
        gradientScale: 1, workers)
    }
    try clock.time("ema", "\(n)", 3 * n, 11, 11) { i throws(ScrlError) in
      try emaUpdate(
        target: all[3][i].buffer, online: all[0][i].buffer, momentum: 0.99, workers)
    }
  }

  func channels(_ s: Shape, _ seed: Int) throws(ScrlError) -> Tensor {
    let x = try Tensor(uninitialized: [s.channels])
    fill(x, seed: seed)
    return x
  }
}

func fill(_ x: Tensor, seed: Int) {
  var state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
  for i in 0..<x.count {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    x.pointer[i] = Float(Int32(truncatingIfNeeded: state >> 32)) * 0x1p-31
  }
}
