// How exact the kernels are, beyond being right: rounding error grows through a network (by 1.1
// per layer of a fresh ResNet-50) and decides which side of a ReLU's kink a value falls on, so
// what one layer adds is pinned here. Not here: definitions, gradients, equality with PyTorch.

import ScrlBase
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlKernels

/// √(Σ(got − want)² / Σ want²)
private func relativeError(_ got: [Float], _ want: [Double]) -> Double {
  var (error, norm) = (0.0, 0.0)
  for (a, b) in zip(got, want) {
    error += (Double(a) - b) * (Double(a) - b)
    norm += b * b
  }
  return (error / norm).squareRoot()
}

// Tolerance of the two tests below. After k of K products of random sign and deviation σ the
// partial sum is near σ√k, and an addition rounds it by at most 2⁻²⁴ of that, by 2⁻²⁴/√3 rms. A
// sum cut every L products collects these over L steps at a time and once more over its K/L
// cuts: relative to σ√K that is 2⁻²⁴/√3·√(L/2 + K/2L). OpenBLAS was seen to cut at 320; L = 448
// leaves room for other kernel sets: 5.2e-7 for K = 4608 and for 4900 (half of 9800 pixels).
// oneDNN cuts a weight's gradient later; L = 1024 there: 7.8e-7. Uncut both would be 1.7e-6.
// Measured: OpenBLAS 1.8e-7 and 3.0e-7, oneDNN 1.4e-7 and 6.3e-7.
// Winograd's bound is in TestSupport: its sums are of K/9 products.
private func cutSum(_ kind: TestEngine) -> Double { kind == .openblas ? 5.2e-7 : 7.8e-7 }

@Test(
  "a deep convolution rounds as a sum cut into blocks does, not as one long sum",
  arguments: TestEngine.convolving)
func deepConvolution(_ kind: TestEngine) throws {
  let engine = try kind.make(Workers(2))
  let g = try ConvolutionGeometry(inputs: 512, outputs: 16, kernel: 3, stride: 1, padding: 1)
  let naive = try NaiveConvolution(g, images: 1, height: 4, width: 4)
  let x = numbers(512 * 16, tag: 1).map { max($0, 0) }  // as after a ReLU
  let w = numbers(g.weightShape.reduce(1, *), tag: 2)
  var want = [Double](repeating: 0, count: 16 * 16)
  naive.forEachProduct { i, j, k in want[k] += Double(x[i]) * Double(w[j]) }
  let y = try engine.convolution(
    try engine.activation(x, [1, 512, 4, 4]),
    weight: try engine.packWeight(try Tensor(w, shape: g.weightShape), g), g)
  let error = relativeError(try plainValues(y), want)
  #expect(error < (kind == .winograd ? winogradRounding(512) : cutSum(kind)))
}

@Test(
  "a weight's gradient over many pixels rounds as a sum cut into blocks does",
  arguments: TestEngine.all)
func longWeightGradient(_ kind: TestEngine) throws {
  let engine = try kind.make(Workers(2))
  let (inputs, outputs, pixels) = (64, 32, 9800)
  let g = try ConvolutionGeometry(
    inputs: inputs, outputs: outputs, kernel: 1, stride: 1, padding: 0)
  // Rows of channels.
  let (x, dy) = (numbers(pixels * inputs, tag: 1), numbers(pixels * outputs, tag: 2))
  func image(_ rows: [Float], _ channels: Int) throws -> Tensor {
    try Tensor(rows, shape: [2, channels, 70, 70], layout: .blocked(channels))
      .plain(workers: Workers(1))
      .blocked(engine.channelBlock(for: channels), workers: Workers(1))
  }
  let dWeight = try engine.zeroWeight(g)
  try engine.convolutionBackwardWeight(
    try image(dy, outputs), x: try image(x, inputs), into: dWeight, g)
  let got = try engine.unpackWeight(dWeight, g).array
  let some = Array(stride(from: 0, to: got.count, by: 33))  // every output, many inputs
  let want = some.map { weight in
    let (output, input) = weight.quotientAndRemainder(dividingBy: inputs)
    return (0..<pixels).reduce(0.0) {
      $0 + Double(dy[$1 * outputs + output]) * Double(x[$1 * inputs + input])
    }
  }
  let error = relativeError(some.map { got[$0] }, want)
  #expect(error < cutSum(kind))
}

// 6 images, 48 channels (blocks of 48 and 12: by eights and four over; 16 and 8), 5×4 cells.
private let shape = [6, 48, 5, 4]
private let (channels, rows, count) = (48, 120, 6 * 48 * 5 * 4)

private func channel(_ i: Int) -> Int { i / 20 % channels }

@Test(
  "a ReLU's gradient has the mask of its output, however near to its kink",
  arguments: TestEngine.all,
  [48, 16, 12, 8])
func maskAtTheKink(_ kind: TestEngine, block: Int) throws {
  let engine = try kind.make(Workers(2))
  let x = try activation(numbers(count), shape, block: block)
  let scale = try Tensor(numbers(channels, tag: 1), shape: [channels])
  let shift = try Tensor(zeros: [channels])
  let (flat, statistics) = try engine.batchNorm(
    x, scale: scale, shift: shift, epsilon: 1e-5, relu: false)
  // Each channel is shifted by minus one of its own values: that value lands on the kink, to its
  // last rounding.
  let values = try plainValues(flat)
  for c in 0..<channels { shift.pointer[c] = -values[(c % 6 * channels + c) * 20 + c % 20] }
  let y = try engine.batchNormApply(
    x, statistics: statistics, scale: scale, shift: shift, relu: true)
  let ones = try activation([Float](repeating: 1, count: count), shape, block: block)
  var sums = try engine.batchNormBackwardSums(
    ones, x: x, statistics: statistics, scale: scale, shift: shift, relu: true)
  let isOpen = try plainValues(y).map { $0 > 0 }
  var open = [Double](repeating: 0, count: channels)
  for (i, passes) in isOpen.enumerated() where passes { open[channel(i)] += 1 }
  #expect(sums.dShift == open)
  // Without sums dx is scale·inv·g: zero under the mask alone.
  sums.dShift = open.map { _ in 0 }
  sums.dScale = sums.dShift
  let dx = try engine.batchNormBackwardApply(
    ones, x: x, statistics: statistics, sums: sums, scale: scale, shift: shift, relu: true)
  #expect(try plainValues(dx).map { $0 != 0 } == isOpen)
}

@Test(
  "normalisation passes no gradient along the mean and the deviation, even far from zero",
  arguments: onEngines([0, 100]), [48, 16, 12, 8])
func gradientOfConstants(_ on: (kind: TestEngine, mean: Float), block: Int) throws {
  let (kind, mean) = on
  let engine = try kind.make(Workers(2))
  let x = numbers(count).map { $0 + mean }  // deviation 1/√3
  let blocked = try activation(x, shape, block: block)
  let (scale, shift) = (numbers(channels, tag: 1), try Tensor(zeros: [channels]))
  let s = try Tensor(scale, shape: [channels])
  let statistics = try engine.batchNorm(blocked, scale: s, shift: shift, epsilon: 0, relu: false)
    .statistics
  let dx = try plainValues(
    try engine.batchNormBackward(
      try activation(numbers(count, tag: 3).map { $0 + 1 }, shape, block: block), x: blocked,
      statistics: statistics, scale: s, shift: shift, relu: false,
      into: try Tensor(zeros: [channels]), try Tensor(zeros: [channels])))
  var (sum, product, size) = (
    [Double](repeating: 0, count: channels), [Double](repeating: 0, count: channels),
    [Double](repeating: 0, count: channels)
  )
  for (i, d) in dx.enumerated() {
    let c = channel(i)
    let normal =
      Double(x[i] - statistics.mean.pointer[c])
      * Double(statistics.inverseDeviation.pointer[c])
    sum[c] += Double(d)
    product[c] += Double(d) * normal
    size[c] += Double(d * d)
  }
  // Each dx is the difference of three terms below 2·scale·inv ≈ 4·rms(dx), rounded to 2⁻²⁴ each,
  // all to one side at worst. The mean is rounded by at most |mean|·2⁻²⁴, √3 times that in
  // deviations; the mean of dy, 1 = √3 of its deviations, stands on it: 3·|mean|·2⁻²⁴.
  let tolerance = Double(rows) * (12 + 3 * Double(mean)) * 0x1p-24
  for c in 0..<channels {
    let rms = (size[c] / Double(rows)).squareRoot()
    #expect(abs(sum[c]) < tolerance * rms)
    #expect(abs(product[c]) < tolerance * rms)
  }
}
