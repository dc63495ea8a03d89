// Every operation: its value equals the float64 definition, its gradients equal float64 finite
// differences of that definition.

import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlAutograd

// Sums of at most 200 rounded products, errors in quadrature: √200·2⁻²⁴ = 8e-7 of the largest
// value; BatchNorm divides by deviations of about 0.5, twice in its gradient: 4 times that, and 3
// for the luck of the draw.
private let tolerance = 1e-5

@Suite("Gradients equal float64 finite differences")
struct OpGradientTests {
  // In blocks of channels where the engine has blocks, odd ones everywhere.
  @Test(
    "Convolution: kernels, strides, paddings",
    arguments: onEngines(
      [(1, 1, 0), (1, 2, 0), (3, 1, 1), (3, 2, 1), (7, 2, 3)], TestEngine.convolving),
    [[3, 4], [3, 16], [16, 16]])
  func convolution(
    _ on: (kind: TestEngine, window: (kernel: Int, stride: Int, padding: Int)), channels: [Int]
  ) throws {
    let (kind, (kernel, stride, padding)) = on
    guard channels[0] == 3 || kernel < 7 else { return }
    let tolerance = kind == .winograd ? winogradAmplification * tolerance : tolerance
    let bench = try Bench(kind)
    let x = noise([2, channels[0], 4, 3], 1)
    let weight = noise([channels[1], channels[0], kernel, kernel], 2)
    let geometry = try ConvolutionGeometry(
      inputs: channels[0], outputs: channels[1], kernel: kernel, stride: stride,
      padding: padding)
    func reference(_ x: Grid, _ weight: Grid) -> Grid {
      Reference.convolution(x, weight, stride: stride, padding: padding)
    }
    let expected = reference(x, weight)
    let dy = noise(expected.shape, 3)

    let leaf = try bench.leaf(x)
    let parameter = try bench.parameter(.convolutionWeight(geometry), weight)
    let y = try bench.pass.convolution(leaf, weight: parameter, geometry)
    expectNear(try bench.plain(try y.value(bench.engine)), expected.values, tolerance)
    try bench.backward(y, dy)
    expectNear(
      try bench.gradient(leaf),
      finiteDifferences(x.values) { dot(dy, reference(Grid(x.shape, $0), weight)) }, tolerance)
    expectNear(
      try bench.gradient(parameter),
      finiteDifferences(weight.values) { dot(dy, reference(x, Grid(weight.shape, $0))) },
      tolerance)
  }

  @Test(
    "BatchNorm: images and matrices, with ReLU and without",
    arguments: onEngines([[3, 4, 3, 2], [3, 16, 3, 2], [7, 5]]), [false, true])
  func batchNorm(_ on: (kind: TestEngine, shape: [Int]), _ relu: Bool) throws {
    let (kind, shape) = on
    let bench = try Bench(kind)
    let channels = shape[1]
    let x = noise(shape, 1, around: 0.5)
    let (scale, shift) = (noise([channels], 2, around: 1.2), noise([channels], 3))
    let dy = noise(shape, 4)
    func loss(_ x: [Double], _ scale: [Double], _ shift: [Double]) -> Double {
      dot(dy, Reference.batchNorm(Grid(shape, x), scale: scale, shift: shift, relu: relu))
    }

    let leaf = try bench.leaf(x)
    let scales = try bench.parameter(.normScale, scale)
    let shifts = try bench.parameter(.normShift, shift)
    let (y, _) = try bench.pass.batchNorm(
      leaf, scale: scales, shift: shifts, epsilon: 1e-5, relu: relu)
    let expected = Reference.batchNorm(x, scale: scale.values, shift: shift.values, relu: relu)
    expectNear(try bench.plain(try y.value(bench.engine)), expected.values, tolerance)
    try bench.backward(y, dy)
    expectNear(
      try bench.gradient(leaf),
      finiteDifferences(x.values) { loss($0, scale.values, shift.values) }, tolerance)
    expectNear(
      try bench.gradient(scales),
      finiteDifferences(scale.values) { loss(x.values, $0, shift.values) }, tolerance)
    expectNear(
      try bench.gradient(shifts),
      finiteDifferences(shift.values) { loss(x.values, scale.values, $0) }, tolerance)
  }

  @Test(
    "BatchNorm with given statistics: they are constants", arguments: TestEngine.all,
    [false, true])
  func frozenBatchNorm(_ kind: TestEngine, _ relu: Bool) throws {
    let bench = try Bench(kind)
    let x = noise([2, 4, 3, 2], 1)
    let (scale, shift) = (noise([4], 2, around: 1.2), noise([4], 3))
    let (mean, variance) = (noise([4], 5), noise([4], 6, around: 1.5))
    let dy = noise(x.shape, 4)
    func reference(_ x: [Double], _ scale: [Double], _ shift: [Double]) -> Grid {
      Reference.batchNorm(
        Grid([2, 4, 3, 2], x), scale: scale, shift: shift, relu: relu,
        moments: (mean.values, variance.values))
    }

    let inverse = Grid([4], variance.values.map { 1 / ($0 + 1e-5).squareRoot() })
    let statistics = BatchStatistics(
      mean: try bench.tensor(mean), inverseDeviation: try bench.tensor(inverse),
      variance: try bench.tensor(variance), count: 1)
    let leaf = try bench.leaf(x)
    let scales = try bench.parameter(.normScale, scale)
    let shifts = try bench.parameter(.normShift, shift)
    let y = try bench.pass.batchNorm(
      leaf, statistics: statistics, scale: scales, shift: shifts, relu: relu)
    expectNear(
      try bench.plain(try y.value(bench.engine)),
      reference(x.values, scale.values, shift.values).values, tolerance)
    try bench.backward(y, dy)
    expectNear(
      try bench.gradient(leaf),
      finiteDifferences(x.values) { dot(dy, reference($0, scale.values, shift.values)) },
      tolerance)
    expectNear(
      try bench.gradient(scales),
      finiteDifferences(scale.values) { dot(dy, reference(x.values, $0, shift.values)) },
      tolerance)
    expectNear(
      try bench.gradient(shifts),
      finiteDifferences(shift.values) { dot(dy, reference(x.values, scale.values, $0)) },
      tolerance)
  }

  @Test("Add and ReLU: both inputs", arguments: TestEngine.all)
  func addReLU(_ kind: TestEngine) throws {
    let bench = try Bench(kind)
    let (a, b, dy) = (noise([2, 4, 3, 2], 1), noise([2, 4, 3, 2], 2), noise([2, 4, 3, 2], 3))
    let (leafA, leafB) = (try bench.leaf(a), try bench.leaf(b))
    let y = try bench.pass.addReLU(leafA, leafB)
    expectNear(
      try bench.plain(try y.value(bench.engine)), Reference.addReLU(a, b).values, tolerance)
    try bench.backward(y, dy)
    let expected = finiteDifferences(a.values) {
      dot(dy, Reference.addReLU(Grid(a.shape, $0), b))
    }
    expectNear(try bench.gradient(leafA), expected, tolerance)
    expectNear(try bench.gradient(leafB), expected, tolerance)
  }

  @Test(
    "Max pooling, overlapping windows", arguments: TestEngine.all,
    [(3, 2, 1), (2, 2, 0), (3, 1, 1)])
  func maxPool(
    _ kind: TestEngine, _ window: (kernel: Int, stride: Int, padding: Int)
  ) throws {
    let (kernel, stride, padding) = window
    let bench = try Bench(kind)
    let x = noise([2, 3, 7, 6], 1)
    func reference(_ x: [Double]) -> Grid {
      Reference.maxPool(Grid([2, 3, 7, 6], x), kernel: kernel, stride: stride, padding: padding)
    }
    let dy = noise(reference(x.values).shape, 2)
    let leaf = try bench.leaf(x)
    let y = try bench.pass.maxPool(
      leaf, try PoolGeometry(kernel: kernel, stride: stride, padding: padding))
    expectNear(try bench.plain(try y.value(bench.engine)), reference(x.values).values, tolerance)
    try bench.backward(y, dy)
    expectNear(
      try bench.gradient(leaf), finiteDifferences(x.values) { dot(dy, reference($0)) }, tolerance)
  }

  @Test("Global average pooling", arguments: TestEngine.all)
  func globalAveragePool(_ kind: TestEngine) throws {
    let bench = try Bench(kind)
    let (x, dy) = (noise([2, 5, 3, 4], 1), noise([2, 5], 2))
    let leaf = try bench.leaf(x)
    let y = try bench.pass.globalAveragePool(leaf)
    expectNear(try y.value(bench.engine).array, Reference.globalAveragePool(x).values, tolerance)
    try bench.backward(y, dy)
    expectNear(
      try bench.gradient(leaf),
      finiteDifferences(x.values) { dot(dy, Reference.globalAveragePool(Grid(x.shape, $0))) },
      tolerance)
  }

  @Test(
    "Linear, with a bias and without", arguments: TestEngine.all,
    [false, true])
  func linear(_ kind: TestEngine, _ hasBias: Bool) throws {
    let bench = try Bench(kind)
    let (x, weight, dy) = (noise([4, 6], 1), noise([5, 6], 2), noise([4, 5], 3))
    let bias = hasBias ? noise([5], 4) : Grid(zeros: [5])
    let leaf = try bench.leaf(x)
    let weights = try bench.parameter(.linearWeight, weight)
    let biases = try bench.parameter(.linearBias, bias)
    let y = try bench.pass.linear(leaf, weight: weights, bias: hasBias ? biases : nil)
    expectNear(
      try y.value(bench.engine).array, Reference.linear(x, weight, bias.values).values, tolerance)
    try bench.backward(y, dy)
    expectNear(
      try bench.gradient(leaf),
      finiteDifferences(x.values) {
        dot(dy, Reference.linear(Grid(x.shape, $0), weight, bias.values))
      }, tolerance)
    expectNear(
      try bench.gradient(weights),
      finiteDifferences(weight.values) {
        dot(dy, Reference.linear(x, Grid(weight.shape, $0), bias.values))
      }, tolerance)
    guard hasBias else {
      #expect(biases.gradient == nil)
      return
    }
    expectNear(
      try bench.gradient(biases),
      finiteDifferences(bias.values) { dot(dy, Reference.linear(x, weight, $0)) }, tolerance)
  }

  @Test(
    "RoIAlign: one cell and several, overlapping boxes", arguments: TestEngine.all,
    [1, 2])
  func roiAlign(_ kind: TestEngine, _ output: Int) throws {
    let bench = try Bench(kind)
    let x = noise([2, 3, 5, 6], 1)
    let corners: [[Double]] = [[0, 3, 2, 40, 37], [1, 10, 5, 33, 30], [0, 8, 8, 24, 20]]
    func reference(_ x: [Double]) -> Grid {
      Reference.roiAlign(
        Grid([2, 3, 5, 6], x), boxes: corners, output: output, scale: 0.125, samples: 2)
    }
    let dy = noise([3, 3, output, output], 2)
    let boxes = corners.map {
      RegionBox(
        image: Int($0[0]), x0: Float($0[1]), y0: Float($0[2]), x1: Float($0[3]), y1: Float($0[4]))
    }
    let options = try RoIAlignOptions(
      outputHeight: output, outputWidth: output, spatialScale: 0.125, samplingRatio: 2,
      aligned: false)
    let leaf = try bench.leaf(x)
    let y = try bench.pass.roiAlign(leaf, boxes: boxes, options)
    expectNear(try bench.plain(try y.value(bench.engine)), reference(x.values).values, tolerance)
    try bench.backward(y, dy)
    expectNear(
      try bench.gradient(leaf), finiteDifferences(x.values) { dot(dy, reference($0)) }, tolerance)
  }

  @Test(
    "Flatten keeps PyTorch's order, both ways", arguments: TestEngine.all,
    [[2, 4, 1, 1], [2, 4, 3, 2]])
  func flatten(_ kind: TestEngine, _ shape: [Int]) throws {
    let bench = try Bench(kind)
    let x = noise(shape, 1)
    let dy = noise([2, shape.dropFirst().reduce(1, *)], 2)
    let leaf = try bench.leaf(x)
    let y = try bench.pass.flatten(leaf)
    #expect(y.shape == dy.shape)
    #expect(try y.value(bench.engine).array == x.values.map { Float($0) })
    try bench.backward(y, dy)
    #expect(try bench.gradient(leaf) == dy.values.map { Float($0) })
  }
}
