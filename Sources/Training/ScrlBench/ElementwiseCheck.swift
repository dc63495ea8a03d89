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
  func blank() throws(ScrlError) -> Tensor {
    try Tensor(uninitialized: x.shape, layout: x.layout)
  }
  let statistics = try BatchStatistics(moments: try engine.batchNormMoments(x), epsilon: 1e-5)
  for relu in [true, false] {
    let norm = Norm(statistics: statistics, scale: scale, shift: shift, relu: relu)
    let (y, dx) = (try blank(), try blank())
    try engine.batchNormApply(x, norm, into: y)
    let sums = try engine.batchNormBackwardSums(dy, x: x, norm)
    try engine.batchNormBackwardApply(dy, x: x, norm, sums, into: dx)
    results += [
      ("norm", y), ("norm dx", dx), ("norm sums", try perRow(sums, of: x)),
    ]
  }
  let norm = Norm(statistics: statistics, scale: scale, shift: shift, relu: false)
  let (sum, dSum) = (try blank(), try dy.copied())
  try engine.addReLU(Addend(x, norm), Addend(dy), into: sum)
  let sums = try engine.addReLUBackward(dSum, adding: x, y: sum, sumsOf: Addend(x, norm))
  results += [("add", sum), ("add dx", dSum)]
  if let sums { results.append(("add sums", try perRow(sums, of: x))) }
  let g = try PoolGeometry(kernel: 3, stride: 2, padding: 1)
  let pooled = try Tensor(uninitialized: try pooledShape(x.shape, g), layout: x.layout)
  let winners = try PoolWinners(uninitialized: pooled, g)
  try engine.maxPool(x, into: pooled, winners)
  let dPooled = try blank()
  try engine.maxPoolBackward(try sample(pooled.shape, 5), winners: winners, into: dPooled)
  results += [("max pool", pooled), ("max pool dx", dPooled)]
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

/// Gradient sums as means over the rows, so that one tolerance fits all.
private func perRow(_ sums: BatchGradientSums, of x: Tensor) throws(ScrlError) -> Tensor {
  let rows = Double(x.count / x.shape[1])
  let means = (sums.dScale + sums.dShift).map { Float($0 / rows) }
  return try Tensor(means, shape: [means.count])
}
