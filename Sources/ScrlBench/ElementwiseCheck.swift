// Every kernel in blocks of 8 or 16 channels equals itself over rows of all channels, which the
// tests hold against float64 definitions. 43 × 42 cells are several chunks and an odd rest.

import ScrlBase
import ScrlKernels
import ScrlTensor

func checkElementwise(_ engine: some Engine, block: Int) throws(ScrlError) {
  let shape = [3, 32, 43, 42]
  let (got, want) = (
    try everything(engine, shape, block: block), try everything(engine, shape, block: 32)
  )
  for ((name, a), (_, b)) in zip(got, want) {
    var worst: Float = 0
    for (x, y) in zip(a.array, b.array) { worst = max(worst, (x - y).magnitude) }
    // Values of at most a few units, sums cut differently: tens of roundings of 2⁻²⁴.
    guard a.count == b.count, worst < 1e-5 else {
      throw ScrlError(.internal, "\(name) in blocks of \(block): got \(worst) off · expected 1e-5")
    }
  }
}

private func everything(
  _ engine: some Engine, _ shape: [Int], block: Int
) throws(ScrlError) -> [(String, Tensor)] {
  let workers = engine.workers
  func sample(_ shape: [Int], _ seed: Int) throws(ScrlError) -> Tensor {
    let plain = try samples(shape, seed: seed)
    return shape.count == 4 ? try plain.blocked(block, workers: workers) : plain
  }
  let (x, dy) = (try sample(shape, 1), try sample(shape, 2))
  let (scale, shift) = (try sample([32], 3), try sample([32], 4))
  var results: [(String, Tensor)] = []
  for relu in [true, false] {
    let (dScale, dShift) = (try Tensor(zeros: [32]), try Tensor(zeros: [32]))
    let (y, statistics) = try engine.batchNorm(
      x, scale: scale, shift: shift, epsilon: 1e-5, relu: relu)
    let again = try engine.batchNormApply(
      x, statistics: statistics, scale: scale, shift: shift, relu: relu)
    let dx = try engine.batchNormBackward(
      dy, x: x, statistics: statistics, scale: scale, shift: shift, relu: relu, into: dScale,
      dShift)
    for value in dScale.buffer.indices {
      dScale.pointer[value] /= 100  // sums over thousands of rows
      dShift.pointer[value] /= 100
    }
    results += [
      ("norm", y), ("norm again", again), ("norm dx", dx), ("norm dScale", dScale),
      ("norm dShift", dShift),
    ]
  }
  results.append(("add", try engine.addReLU(x, dy)))
  results.append(("add dx", try engine.addReLUBackward(dy, y: x)))
  let g = try PoolGeometry(kernel: 3, stride: 2, padding: 1)
  let (pooled, winners) = try engine.maxPool(x, g)
  results.append(("max pool", pooled))
  results.append(
    (
      "max pool dx",
      try engine.maxPoolBackward(
        try sample(pooled.shape, 5), winners: winners, inputHeight: 43, inputWidth: 42)
    ))
  let extents = try x.activationShape("check")
  let mean = try engine.globalAveragePool(x)
  results.append(("average", mean))
  results.append(("average dx", try engine.globalAveragePoolBackward(mean, like: extents)))
  let roi = try RoIAlignOptions(
    outputHeight: 2, outputWidth: 2, spatialScale: 0.5, samplingRatio: -1, aligned: true)
  let boxes = (0..<7).map {
    RegionBox(image: $0 % 3, x0: Float($0), y0: 3, x1: Float(20 + $0 * 9), y1: 70)
  }
  let cells = try engine.roiAlign(x, boxes: boxes, roi)
  results.append(("RoIAlign", cells))
  results.append(
    (
      "RoIAlign dx",
      try engine.roiAlignBackward(
        try sample(cells.shape, 6), boxes: boxes, roi, like: extents)
    ))
  let plain = try results.map { (name, tensor) throws(ScrlError) in
    (name, try tensor.plain(workers: workers))
  }
  return plain
}
