// Images taken a few at a time give what all of them at once give. A residual block large enough
// to be cut, on both engines, against the kernels called on whole tensors.

import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlAutograd

@Suite("Groups of images")
struct GroupTests {
  @Test("A group holds what the cache holds, a multiple of the threads, and none is left out")
  func cut() {
    let large = ImageGroups(of: [[5, 64, 112, 112]], Workers(2))
    #expect(Array(large) == [0..<2, 2..<4, 4..<5])
    #expect(Array(ImageGroups(of: [[5, 64, 7, 7]], Workers(2))) == [0..<5])
    #expect(Array(ImageGroups(of: [[3, 64, 1000, 1000]], Workers(1))) == [0..<1, 1..<2, 2..<3])
  }

  @Test(
    "A residual block in groups has the values and gradients of the whole",
    arguments: TestEngine.all)
  func block(_ kind: TestEngine) throws {
    // 5 images of 32 channels at 160²: groups of 2 and less. Two blocks, so that the second makes
    // the first's output again.
    let bench = try Bench(kind)
    let g = try ConvolutionGeometry(inputs: 32, outputs: 32, kernel: 1, stride: 1, padding: 0)
    let shape = [5, 32, 160, 160]
    #expect(Array(ImageGroups(of: [shape, shape], bench.engine.workers)).count > 1)
    let x = try bench.leaf(noise(shape, 1))
    let weights = try (2..<4).map {
      try bench.parameter(.convolutionWeight(g), noise(g.weightShape, $0))
    }
    let scale = try bench.parameter(.normScale, noise([32], 4, around: 1))
    let shift = try bench.parameter(.normShift, noise([32], 5))
    let dy = noise(shape, 6)

    func run(_ convolution: (Activation, Parameter) throws -> Activation) throws -> [[Float]] {
      var y = x
      for weight in weights {
        let branch = try bench.pass.batchNorm(
          try convolution(y, weight), scale: scale, shift: shift, epsilon: 1e-5, relu: false
        ).y
        y = try bench.pass.addReLU(branch, y, endOf: y)
      }
      let value = try bench.plain(try y.value(bench.engine))
      try bench.backward(y, dy)
      defer { (weights + [scale, shift]).forEach { $0.clearGradient() } }
      return [value, try bench.gradient(x)]
        + (try (weights + [scale, shift]).map { try bench.gradient($0) })
    }
    let grouped = try run { try bench.pass.convolution($0, weight: $1, g) }
    let whole = try run { try bench.pass.wholeConvolution($0, weight: $1, g) }
    for (a, b) in zip(grouped, whole) {
      // The same products; sums over 128,000 cells of order 1 in another order, float32: relative
      // to the largest, √128000 roundings of 2⁻²⁴ are 2e-5.
      let largest = b.reduce(0) { max($0, abs($1)) }
      for (p, q) in zip(a, b) where abs(p - q) > 3e-5 * largest {
        Issue.record("\(p) beside \(q), largest \(largest)")
        return
      }
    }
  }
}

extension Pass {
  /// The convolution of all images in one call, by an operation of its own.
  fileprivate func wholeConvolution(
    _ x: Activation, weight: Parameter, _ g: ConvolutionGeometry
  ) throws(ScrlError) -> Activation {
    let value = try x.value(engine)
    let y = Activation(
      try engine.convolution(value, weight: weight.value, g), slot: GradientSlot())
    guard let tape, let output = y.slot else { return y }
    tape.record(WholeConvolutionOp(x: value, input: x.slot, output: output, weight: weight, g: g))
    return y
  }
}

private struct WholeConvolutionOp: TapeOp {
  let x: Tensor
  let input: GradientSlot?
  let output: GradientSlot
  let weight: Parameter
  let g: ConvolutionGeometry

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let dy = try output.take(engine) else { return }
    try engine.convolutionBackwardWeight(dy, x: x, into: try weight.gradientSum(), g)
    let dx = try engine.convolutionBackwardInput(
      dy, weight: weight.value, inputHeight: x.shape[2], inputWidth: x.shape[3], g)
    try input?.receive(dx, engine)
  }
}
