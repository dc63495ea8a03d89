// Convolutions with a bias and a ReLU, both ways: values and gradients equal the float64
// definition, whatever the channels and the engine.

import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlAutograd

// Sums of at most 64·9 products (256 of a 1×1 window) below 1, errors in quadrature:
// √576·2⁻²⁴ = 1.4e-6 of the largest value, and 3 for the luck of the draw.
private let tolerance = 5e-6

struct BiasCase: CustomTestStringConvertible {
  let inputs, outputs, kernel, stride, padding: Int
  let x: [Int]  // N, H, W
  var shape: [Int] { [x[0], inputs, x[1], x[2]] }
  var testDescription: String { "\(inputs)→\(outputs) \(kernel)×\(kernel)/\(stride) on \(x)" }

  func geometry(transposed: Bool = false) throws -> ConvolutionGeometry {
    try ConvolutionGeometry(
      inputs: transposed ? outputs : inputs, outputs: transposed ? inputs : outputs,
      kernel: kernel, stride: stride, padding: padding)
  }
}

// In blocks of 16, in none, on one side alone; one channel, three, twelve; odd extents, one image.
private let convolutions = [
  (3, 4, 3, 1, 1, [2, 4, 3]), (16, 16, 3, 1, 1, [2, 5, 3]), (16, 3, 1, 1, 0, [2, 5, 7]),
  (32, 12, 1, 1, 0, [1, 3, 5]), (1, 16, 3, 2, 1, [1, 7, 5]), (10, 7, 3, 1, 1, [3, 3, 3]),
  (256, 10, 1, 1, 0, [1, 3, 2]), (16, 1, 3, 1, 1, [2, 3, 3]), (64, 48, 3, 1, 1, [1, 5, 3]),
  (3, 16, 3, 1, 1, [2, 5, 4]), (8, 24, 1, 1, 0, [2, 1, 1]),
].map {
  BiasCase(inputs: $0.0, outputs: $0.1, kernel: $0.2, stride: $0.3, padding: $0.4, x: $0.5)
}

private let transposed = [
  (3, 4, 2, 2, 0, [2, 3, 2]), (16, 16, 2, 2, 0, [2, 3, 5]), (16, 3, 2, 2, 0, [1, 3, 3]),
  (10, 16, 2, 2, 0, [2, 1, 1]), (64, 32, 2, 2, 0, [3, 7, 7]), (12, 1, 2, 2, 0, [1, 2, 5]),
  (16, 32, 3, 2, 1, [2, 3, 2]), (5, 7, 4, 2, 1, [1, 3, 2]),
].map {
  BiasCase(inputs: $0.0, outputs: $0.1, kernel: $0.2, stride: $0.3, padding: $0.4, x: $0.5)
}

@Suite("Convolutions with a bias")
struct BiasTests {
  /// What an operation must give whose products are x[i]·weight[j], added to y[k].
  private struct Expected {
    let y, dx, dWeight: Grid
    let dBias: [Double]

    init(
      _ x: Grid, _ weight: Grid, _ bias: Grid, _ dy: Grid, relu: Bool,
      _ products: ((_ i: Int, _ j: Int, _ k: Int) -> Void) -> Void
    ) {
      var sum = Grid(zeros: dy.shape)
      products { i, j, k in sum.values[k] += x.values[i] * weight.values[j] }
      let pre = Reference.biased(sum, bias.values)
      y = relu ? Reference.relu(pre) : pre
      let d = zip(dy.values, pre.values).map { relu && $1 <= 0 ? 0 : $0 }
      var (dx, dWeight) = (Grid(zeros: x.shape), Grid(zeros: weight.shape))
      products { i, j, k in
        dx.values[i] += d[k] * weight.values[j]
        dWeight.values[j] += d[k] * x.values[i]
      }
      (self.dx, self.dWeight) = (dx, dWeight)
      var dBias = [Double](repeating: 0, count: bias.values.count)
      let cells = dy.shape[2] * dy.shape[3]
      for (k, value) in d.enumerated() { dBias[k / cells % dy.shape[1]] += value }
      self.dBias = dBias
    }
  }

  @Test(
    "Convolution, bias and ReLU: value and all gradients",
    arguments: onEngines(convolutions, TestEngine.convolving), [false, true])
  func convolution(_ on: (kind: TestEngine, test: BiasCase), relu: Bool) throws {
    let (kind, test) = on
    let g = try test.geometry()
    let (x, weight) = (noise(test.shape, 1), noise(g.weightShape, 2))
    let products = ConvolutionProducts(
      x: x.shape, weight: weight.shape, stride: g.stride, padding: g.padding)
    let (bias, dy) = (noise([g.outputs], 3), noise(products.y, 4))
    let want = Expected(x, weight, bias, dy, relu: relu) { products.forEach($0) }
    try check(kind, x, weight, bias, dy, want, g) { pass, x, weight, bias in
      try pass.convolution(x, weight: weight, bias: bias, g, relu: relu)
    }
  }

  @Test(
    "Transposed convolution, bias and ReLU: value and all gradients",
    arguments: onEngines(transposed), [false, true])
  func transposedConvolution(_ on: (kind: TestEngine, test: BiasCase), relu: Bool) throws {
    let (kind, test) = on
    let g = try test.geometry(transposed: true)
    let (x, weight) = (noise(test.shape, 1), noise(g.weightShape, 2))
    // The convolution that it transposes goes from y to x.
    let y =
      [x.shape[0], test.outputs]
      + x.shape[2...].map {
        ($0 - 1) * g.stride - 2 * g.padding + g.kernel
      }
    let products = ConvolutionProducts(
      x: y, weight: weight.shape, stride: g.stride, padding: g.padding)
    #expect(products.y == x.shape)
    let (bias, dy) = (noise([test.outputs], 3), noise(y, 4))
    let want = Expected(x, weight, bias, dy, relu: relu) { body in
      products.forEach { i, j, k in body(k, j, i) }
    }
    try check(kind, x, weight, bias, dy, want, g) { pass, x, weight, bias in
      try pass.transposedConvolution(x, weight: weight, bias: bias, of: g, relu: relu)
    }
  }

  private func check(
    _ kind: TestEngine, _ x: Grid, _ weight: Grid, _ bias: Grid, _ dy: Grid, _ want: Expected,
    _ g: ConvolutionGeometry,
    _ run: (Pass, Activation, Parameter, Parameter) throws -> Activation
  ) throws {
    let tolerance = kind == .winograd ? winogradAmplification * tolerance : tolerance
    let bench = try Bench(kind)
    let leaf = try bench.leaf(x)
    let weights = try bench.parameter(.convolutionWeight(g), weight)
    let biases = try bench.parameter(.convolutionBias, bias)
    let y = try run(bench.pass, leaf, weights, biases)
    #expect(y.shape == want.y.shape)
    expectNear(try bench.plain(try y.value(bench.engine)), want.y.values, tolerance, "y")
    try bench.backward(y, dy)
    expectNear(try bench.gradient(leaf), want.dx.values, tolerance, "dx")
    expectNear(try bench.gradient(weights), want.dWeight.values, tolerance, "dweight")
    expectNear(try bench.gradient(biases), want.dBias, tolerance, "dbias")
    // Gradients of parameters accumulate, and the same bytes come again.
    let first = try bench.gradient(biases)
    biases.clearGradient()
    weights.clearGradient()
    let again = try run(bench.pass, leaf, weights, biases)
    #expect(try again.value(bench.engine).array == y.value(bench.engine).array)
    try bench.backward(again, dy)
    #expect(try bench.gradient(biases) == first)
    try bench.backward(try run(bench.pass, leaf, weights, biases), dy)
    expectNear(try bench.gradient(biases), want.dBias.map { 2 * $0 }, tolerance, "twice")
  }

  @Test("The chain of both equals finite differences", arguments: TestEngine.all)
  func chain(_ kind: TestEngine) throws {
    // Two layers deep, so that the first one's gradient comes from the second.
    let bench = try Bench(kind)
    let g = try ConvolutionGeometry(inputs: 2, outputs: 3, kernel: 3, stride: 1, padding: 1)
    let t = try ConvolutionGeometry(inputs: 2, outputs: 3, kernel: 2, stride: 2, padding: 0)
    let (x, dy) = (noise([1, 2, 3, 2], 1), noise([1, 2, 6, 4], 2))
    let (w1, w2) = (noise(g.weightShape, 3), noise(t.weightShape, 4))
    let (b1, b2) = (noise([3], 5), noise([2], 6))
    func loss(_ x: [Double], _ b1: [Double], _ w2: [Double]) -> Double {
      let hidden = Reference.relu(
        Reference.biased(
          Reference.convolution(Grid([1, 2, 3, 2], x), w1, stride: 1, padding: 1), b1))
      var y = Grid(zeros: [1, 2, 6, 4])
      for i in 0..<3 {
        for o in 0..<2 {
          for h in 0..<6 {
            for w in 0..<4 {
              y[0, o, h, w] +=
                hidden[0, i, h / 2, w / 2] * Grid(t.weightShape, w2)[i, o, h % 2, w % 2]
            }
          }
        }
      }
      return dot(dy, Reference.relu(Reference.biased(y, b2.values)))
    }
    let leaf = try bench.leaf(x)
    let parameters = [
      try bench.parameter(.convolutionWeight(g), w1), try bench.parameter(.convolutionBias, b1),
      try bench.parameter(.convolutionWeight(t), w2), try bench.parameter(.convolutionBias, b2),
    ]
    let hidden = try bench.pass.convolution(
      leaf, weight: parameters[0], bias: parameters[1], g, relu: true)
    let y = try bench.pass.transposedConvolution(
      hidden, weight: parameters[2], bias: parameters[3], of: t, relu: true)
    try bench.backward(y, dy)
    expectNear(
      try bench.gradient(leaf), finiteDifferences(x.values) { loss($0, b1.values, w2.values) },
      tolerance)
    expectNear(
      try bench.gradient(parameters[1]),
      finiteDifferences(b1.values) { loss(x.values, $0, w2.values) }, tolerance)
    expectNear(
      try bench.gradient(parameters[2]),
      finiteDifferences(w2.values) { loss(x.values, b1.values, $0) }, tolerance)
  }

  @Test("A gradient that somebody else holds is not written into", arguments: TestEngine.all)
  func heldGradient(_ kind: TestEngine) throws {
    let bench = try Bench(kind)
    let g = try ConvolutionGeometry(inputs: 16, outputs: 16, kernel: 1, stride: 1, padding: 0)
    let x = try bench.leaf(noise([1, 16, 3, 3], 1))
    let weight = try bench.parameter(.convolutionWeight(g), noise(g.weightShape, 2))
    let bias = try bench.parameter(.convolutionBias, noise([16], 3))
    let dy = try bench.tensor(noise([1, 16, 3, 3], 4))
    let before = dy.array
    let y = try bench.pass.convolution(x, weight: weight, bias: bias, g, relu: true)
    try #require(y.slot).receive(dy, bench.engine)
    try bench.tape.backward(bench.engine)
    #expect(dy.array == before)

    let slot = GradientSlot()
    try slot.receive(dy, bench.engine)
    #expect(slot.takeOwned()?.isOurs == false)
    try slot.receive(try Tensor(zeros: [4]), bench.engine)
    #expect(slot.takeOwned()?.isOurs == true)
  }

  @Test("NaN passes through the bias and the ReLU", arguments: TestEngine.all)
  func notANumber(_ kind: TestEngine) throws {
    let bench = try Bench(kind)
    for channels in [3, 16] {
      let x = try bench.tensor(noise([1, channels, 2, 2], 1))
      x.pointer[0] = .nan
      try bench.engine.addBias(try Tensor(zeros: [channels]), to: x, relu: true)
      #expect(x.pointer[0].isNaN)
      try bench.engine.relu(x, into: x)
      #expect(x.pointer[0].isNaN)
    }
  }
}
