// What a detector adds, on the tape, against PyTorch (Tests/Fixtures/make_kernels.py).

import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlAutograd

// As the kernels' fixtures: both sides compute in float32, sums of at most 100 products of
// magnitude ≤ 10 in two orders differ by about √100·10·2⁻²⁴ = 6e-6; 2e-5 leaves a factor three.
private let tolerance = 2e-5

@Suite("Detector's operations equal PyTorch")
struct DetectorFixtureTests {
  private func grid(_ name: String) throws -> Grid {
    let array = try fixture("kernels/" + name)
    return Grid(array.shape, array.doubles)
  }

  private func expectFixture(
    _ got: [Float], _ name: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    expectClose(
      got, try fixture("kernels/" + name).doubles, relative: tolerance, absolute: tolerance, name,
      sourceLocation: sourceLocation)
  }

  @Test(
    "A convolution or its transpose, with bias and ReLU",
    arguments: onEngines(["biased_3x3", "biased_1x1", "transposed", "transposed_blocks"]))
  func biased(_ kind: TestEngine, _ name: String) throws {
    let bench = try Bench(kind)
    let isTransposed = name.hasPrefix("transposed")
    let weight = try grid(name + ".weight")
    let kernel = weight.shape[2]
    // (O,I,h,w) of the convolution, which is (I,O,h,w) of its transpose.
    let g = try ConvolutionGeometry(
      inputs: weight.shape[1], outputs: weight.shape[0], kernel: kernel,
      stride: isTransposed ? 2 : 1, padding: isTransposed ? 0 : kernel / 2)
    let x = try bench.leaf(try grid(name + ".x"))
    let weights = try bench.parameter(.convolutionWeight(g), weight)
    let bias = try bench.parameter(.convolutionBias, try grid(name + ".bias"))
    let y =
      isTransposed
      ? try bench.pass.transposedConvolution(x, weight: weights, bias: bias, of: g, relu: true)
      : try bench.pass.convolution(x, weight: weights, bias: bias, g, relu: true)
    try expectFixture(try y.plain(bench.engine).array, name + ".y")
    try bench.backward(y, try grid(name + ".dy"))
    try expectFixture(try bench.gradient(x), name + ".dx")
    try expectFixture(try bench.gradient(weights), name + ".dweight")
    try expectFixture(try bench.gradient(bias), name + ".dbias")
  }

  @Test("Upsampling and a sum; every second cell", arguments: TestEngine.all)
  func pyramid(_ kind: TestEngine) throws {
    let bench = try Bench(kind)
    let coarse = try bench.leaf(try grid("upsample_add.coarse"))
    let fine = try bench.leaf(try grid("upsample_add.fine"))
    let sum = try bench.pass.upsampleAdd(coarse, to: fine)
    try expectFixture(try sum.plain(bench.engine).array, "upsample_add.y")
    try bench.backward(sum, try grid("upsample_add.dy"))
    try expectFixture(try bench.gradient(coarse), "upsample_add.dcoarse")
    try expectFixture(try bench.gradient(fine), "upsample_add.dfine")
    for name in ["subsample_odd", "subsample_even"] {
      let x = try bench.leaf(try grid(name + ".x"))
      let y = try bench.pass.subsample(x)
      #expect(y.shape == (try grid(name + ".y")).shape)
      try expectFixture(try y.plain(bench.engine).array, name + ".y")
      try bench.backward(y, try grid(name + ".dy"))
      try expectFixture(try bench.gradient(x), name + ".dx")
    }
  }

  @Test(
    "Losses over chosen elements of a map",
    arguments: onEngines(["element_sigmoid", "element_absolute", "element_smooth"]))
  func losses(_ kind: TestEngine, _ name: String) throws {
    let bench = try Bench(kind)
    let x = try bench.leaf(try grid(name + ".x"))
    var targets = ElementTargets()
    for (position, target) in zip(
      try grid(name + ".positions").values, try grid(name + ".targets").values)
    {
      targets.append(Int(position), Float(target))
    }
    let loss =
      switch name {
      case "element_sigmoid": try bench.pass.sigmoidCrossEntropyLoss(x, targets, divisor: 7)
      case "element_absolute": try bench.pass.smoothL1Loss(x, targets, beta: 0, divisor: 7)
      default: try bench.pass.smoothL1Loss(x, targets, beta: 0.5, divisor: 7)
      }
    try expectFixture([Float(loss)], name + ".loss")
    try bench.tape.backward(bench.engine)
    try expectFixture(try bench.gradient(x), name + ".dx")
  }
}
