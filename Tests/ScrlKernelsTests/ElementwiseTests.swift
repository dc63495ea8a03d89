// Normalisation, residual sums and pooling against float64 definitions, in every block size.

import ScrlBase
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlKernels

// 3 images, 48 channels (blocks of 48 and 12: sixteen, eight and one at a time;
// 16 and 8; 3), 5×4 cells.
private let channels = 48
private let shape = [3, channels, 5, 4]
private let count = 3 * channels * 5 * 4

private func channel(_ i: Int) -> Int { i / 20 % channels }

/// Float64 batch normalisation in plain order; also what finite differences are taken of.
private func normalized(
  _ x: [Double], _ scale: [Float], _ shift: [Float], relu: Bool
) -> [Double] {
  var sum = [Double](repeating: 0, count: channels)
  var square = sum
  for i in x.indices { sum[channel(i)] += x[i] / 60 }
  for i in x.indices {
    let centred = x[i] - sum[channel(i)]
    square[channel(i)] += centred * centred / 60
  }
  return x.indices.map { i in
    let c = channel(i)
    let y = Double(scale[c]) * (x[i] - sum[c]) / (square[c] + 1e-5).squareRoot()
    return relu ? max(y + Double(shift[c]), 0) : y + Double(shift[c])
  }
}

@Test(
  "batch normalisation equals its definition", arguments: onEngines([48, 16, 12, 8, 3]),
  [true, false])
func batchNormDefinition(_ on: (kind: TestEngine, block: Int), relu: Bool) throws {
  let (kind, block) = on
  let engine = try kind.make(Workers(2))
  let x = numbers(count).map { $0 * 3 + 5 }
  let (scale, shift) = (numbers(channels, tag: 1), numbers(channels, tag: 2))
  let y = try engine.batchNorm(
    try activation(x, shape, block: block), scale: try Tensor(scale, shape: [channels]),
    shift: try Tensor(shift, shape: [channels]), epsilon: 1e-5, relu: relu
  ).y
  // x − mean loses |mean|·2⁻²⁴ ≈ 3e-7, times scale·inv ≤ 1; a few roundings of values ≤ 3.
  expectClose(
    try plainValues(y), normalized(x.map(Double.init), scale, shift, relu: relu), absolute: 2e-6)
}

@Test(
  "batch normalisation's gradient equals finite differences",
  arguments: onEngines([48, 16, 12, 8]),
  [true, false])
func batchNormFiniteDifference(_ on: (kind: TestEngine, block: Int), relu: Bool) throws {
  let (kind, block) = on
  let engine = try kind.make(Workers(2))
  let (x, dy) = (numbers(count), numbers(count, tag: 3))
  let (scale, shift) = (numbers(channels, tag: 1), numbers(channels, tag: 2))
  let (s, b) = (try Tensor(scale, shape: [channels]), try Tensor(shift, shape: [channels]))
  let blocked = try activation(x, shape, block: block)
  let statistics = try engine.batchNorm(blocked, scale: s, shift: b, epsilon: 1e-5, relu: relu)
    .statistics
  let dx = try plainValues(
    try engine.batchNormBackward(
      try activation(dy, shape, block: block), x: blocked, statistics: statistics, scale: s,
      shift: b, relu: relu, into: try Tensor(zeros: [channels]), try Tensor(zeros: [channels])))
  func loss(_ i: Int, _ step: Double) -> Double {
    var moved = x.map(Double.init)
    moved[i] += step
    let y = normalized(moved, scale, shift, relu: relu)
    return zip(y, dy).reduce(0) { $0 + $1.0 * Double($1.1) }
  }
  for i in stride(from: 0, to: count, by: 401) {
    let slope = (loss(i, 1e-6) - loss(i, -1e-6)) / 2e-6
    // Truncation 1e-12; float64 noise of the loss 1e-14 / 1e-6 = 1e-8; float32 kernel ≈ 1e-6.
    expectClose([dx[i]], [slope], relative: 1e-5, absolute: 1e-5, "dx[\(i)]")
  }
}

@Test("a far mean does not spoil the variance", arguments: TestEngine.all)
func batchNormFarMean(_ kind: TestEngine) throws {
  let engine = try kind.make(Workers(1))
  let x = try Tensor((0..<64).map { 1000 + Float($0 % 2) }, shape: [64, 1])
  let statistics = try BatchStatistics(moments: try engine.batchNormMoments(x), epsilon: 0)
  // Float64 sums of 64 squares near 1e6: error below 1e6·2⁻⁵² ≈ 2e-10.
  expectClose(statistics.variance.array, [Float(0.25)], absolute: 1e-7)
  expectClose(statistics.mean.array, [Float(1000.5)], absolute: 1e-4)
}

@Test("split moments over two halves equal the moments of the whole", arguments: TestEngine.all)
func batchNormSplitMoments(_ kind: TestEngine) throws {
  let engine = try kind.make(Workers(2))
  let values = numbers(24)
  let whole = try engine.batchNormMoments(try Tensor(values, shape: [6, 4]))
  let one = try engine.batchNormMoments(try Tensor(Array(values[..<12]), shape: [3, 4]))
  let two = try engine.batchNormMoments(try Tensor(Array(values[12...]), shape: [3, 4]))
  #expect(one.count + two.count == whole.count)
  for c in 0..<4 {
    #expect(abs(one.sum[c] + two.sum[c] - whole.sum[c]) < 1e-14)
    #expect(abs(one.squareSum[c] + two.squareSum[c] - whole.squareSum[c]) < 1e-14)
  }
}

@Test("running statistics normalise with their own mean and variance", arguments: TestEngine.all)
func batchNormRunning(_ kind: TestEngine) throws {
  let engine = try kind.make(Workers(1))
  let statistics = try BatchStatistics(
    runningMean: try Tensor([1, 2], shape: [2]), runningVariance: try Tensor([4, 0], shape: [2]),
    epsilon: 0.25)
  let y = try engine.batchNormApply(
    try Tensor([3, 3], shape: [1, 2]), statistics: statistics,
    scale: try Tensor([1, 1], shape: [2]), shift: try Tensor([0, 1], shape: [2]), relu: false)
  // 2/√4.25 and 1/√0.25 + 1, one rounding each.
  expectClose(y.array, [2 / 4.25.squareRoot(), 3], relative: 3e-7)
}

@Test(
  "the residual's sum is cut at zero, keeps NaN, and passes the gradient where it is positive",
  arguments: TestEngine.all)
func addReLUDefinition(_ kind: TestEngine) throws {
  let engine = try kind.make(Workers(2))
  let a = try Tensor([1, -2, 0, .nan], shape: [1, 4])
  let y = try engine.addReLU(a, try Tensor([1, 1, 0, 1], shape: [1, 4]))
  #expect(Array(y.array[..<3]) == [2, 0, 0])
  #expect(y.array[3].isNaN)
  let dx = try engine.addReLUBackward(try Tensor([5, 6, 7, 8], shape: [1, 4]), y: y)
  #expect(dx.array == [5, 0, 0, 0])
}

@Test("accumulate adds into the destination")
func accumulateDefinition() throws {
  let (a, b) = (try Tensor([1, 2, 3], shape: [3]), try Tensor([10, 20, 30], shape: [3]))
  try accumulate(a, b, Workers(2))
  #expect(a.array == [11, 22, 33])
}

@Test(
  "max pooling equals its definition; its gradient goes to the winner",
  arguments: onEngines([(3, 2, 1), (2, 2, 0), (2, 1, 1), (3, 1, 1)]), [48, 16, 12, 8])
func maxPoolDefinition(
  _ on: (kind: TestEngine, window: (kernel: Int, stride: Int, padding: Int)), block: Int
) throws {
  let (kind, window) = on
  let engine = try kind.make(Workers(2))
  let g = try PoolGeometry(
    kernel: window.kernel, stride: window.stride, padding: window.padding)
  let x = numbers(count)
  let (h, w) = (try g.outputExtent(5), try g.outputExtent(4))
  let dy = numbers(3 * channels * h * w, tag: 1)
  var want = [Float]()
  var gradient = [Double](repeating: 0, count: count)
  for panel in 0..<3 * channels {
    for cell in 0..<h * w {
      let (top, left) = (cell / w * g.stride - g.padding, cell % w * g.stride - g.padding)
      var best = -1
      for y in max(top, 0)..<min(top + g.kernel, 5) {
        for z in max(left, 0)..<min(left + g.kernel, 4) {
          let i = panel * 20 + y * 4 + z
          if best < 0 || x[i] > x[best] { best = i }
        }
      }
      gradient[best] += Double(dy[want.count])
      want.append(x[best])
    }
  }
  let (y, winners) = try engine.maxPool(try activation(x, shape, block: block), g)
  #expect(try plainValues(y) == want)
  let dx = try engine.maxPoolBackward(
    try activation(dy, y.shape, block: block), winners: winners, inputHeight: 5, inputWidth: 4)
  // At most nine float32 additions of values ≤ 9.
  expectClose(try plainValues(dx), gradient, absolute: 5e-6)
}

@Test(
  "max pooling of NaN and infinities ends, and shows the NaN", arguments: TestEngine.all,
  [1, 16])
func maxPoolNaN(_ kind: TestEngine, channels: Int) throws {
  let engine = try kind.make(Workers(1))
  var x = [Float](repeating: -.infinity, count: channels * 4)
  x[channels] = .nan
  let (y, _) = try engine.maxPool(
    try Tensor(x, shape: [1, channels, 2, 2], layout: .blocked(channels)),
    try PoolGeometry(kernel: 2, stride: 2, padding: 0))
  #expect(y.array[0].isNaN)
}

@Test(
  "the global average is the mean and spreads its gradient evenly", arguments: TestEngine.all,
  [48, 16, 12, 8])
func globalAverageDefinition(_ kind: TestEngine, block: Int) throws {
  let engine = try kind.make(Workers(2))
  let x = numbers(count)
  let blocked = try activation(x, shape, block: block)
  let mean = (0..<3 * channels).map { p in
    x[p * 20..<p * 20 + 20].reduce(0.0) { $0 + Double($1) } / 20
  }
  // Twenty additions of values ≤ 1: 20·2⁻²⁴ ≈ 1e-6.
  expectClose(try engine.globalAveragePool(blocked).array, mean, absolute: 1e-6)
  let dy = numbers(3 * channels, tag: 1)
  let dx = try engine.globalAveragePoolBackward(
    try Tensor(dy, shape: [3, channels]), like: try blocked.activationShape("test"))
  expectClose(
    try plainValues(dx), (0..<count).map { Double(dy[$0 / 20]) / 20 }, relative: 2e-7)
}
