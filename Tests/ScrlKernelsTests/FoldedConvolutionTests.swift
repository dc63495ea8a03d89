// Convolution with bias, residual and ReLU against its definition, and pooling without winners.

import ScrlBase
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlKernels

// By blocks of 16 or 8, by 8 alone, by none; strided, padded, odd, one cell; the stem.
private let cases = [
  (3, 16, 7, 2, 3, 2, 9, 8), (3, 8, 3, 1, 1, 2, 5, 5), (16, 32, 1, 1, 0, 2, 3, 5),
  (32, 16, 1, 2, 0, 3, 5, 4), (16, 16, 3, 1, 1, 2, 5, 7), (32, 16, 3, 2, 1, 1, 7, 5),
  (16, 16, 3, 1, 1, 1, 1, 1), (16, 16, 3, 1, 4, 1, 3, 3), (8, 24, 3, 1, 1, 1, 4, 3),
  (5, 16, 3, 1, 1, 2, 4, 4), (16, 3, 1, 1, 0, 2, 4, 4), (2, 3, 3, 1, 1, 2, 5, 4),
].map {
  ConvolutionCase(
    inputs: $0.0, outputs: $0.1, kernel: $0.2, stride: $0.3, padding: $0.4, images: $0.5,
    height: $0.6, width: $0.7)
}

@Test(
  "a folded convolution equals the definition, with and without residual and ReLU",
  arguments: onEngines([(false, false), (true, false), (false, true), (true, true)]), cases)
func foldedDefinition(_ on: (kind: TestEngine, ends: (Bool, Bool)), _ c: ConvolutionCase) throws {
  let (adds, relu) = on.ends
  let engine = try on.kind.make(Workers(2))
  let g = try ConvolutionGeometry(
    inputs: c.inputs, outputs: c.outputs, kernel: c.kernel, stride: c.stride, padding: c.padding)
  let naive = try NaiveConvolution(g, images: c.images, height: c.height, width: c.width)
  let xShape = [c.images, c.inputs, c.height, c.width]
  let yShape = [c.images, c.outputs, naive.outputHeight, naive.outputWidth]
  let cells = naive.outputHeight * naive.outputWidth
  let (x, w) = (numbers(xShape.reduce(1, *), tag: 1), numbers(g.weightShape.reduce(1, *), tag: 2))
  let (bias, other) = (numbers(c.outputs, tag: 3), numbers(yShape.reduce(1, *), tag: 4))
  var y = [Double](repeating: 0, count: other.count)
  naive.forEachProduct { i, j, k in y[k] += Double(x[i]) * Double(w[j]) }
  for i in y.indices {
    y[i] += Double(bias[i / cells % c.outputs]) + (adds ? Double(other[i]) : 0)
    if relu { y[i] = max(y[i], 0) }
  }
  let got = try engine.foldedConvolution(
    try engine.activation(x, xShape), weight: engine.packWeight(Tensor(w, shape: g.weightShape), g),
    bias: try Tensor(bias, shape: [c.outputs]), g, relu: relu,
    adding: adds ? try engine.activation(other, yShape) : nil)
  #expect(got.layout == .blocked(engine.channelBlock(for: c.outputs)))
  // 2e-6: at most 147 products and two numbers below 1, √149·2⁻²⁴ ≈ 7e-7 for a sum.
  expectClose(try plainValues(got), y, relative: 1e-6, absolute: 2e-6)
}

@Test("mismatched folded operands are shape errors", arguments: TestEngine.all)
func foldedErrors(_ kind: TestEngine) throws {
  let engine = try kind.make(Workers(1))
  let g = try ConvolutionGeometry(inputs: 16, outputs: 32, kernel: 3, stride: 2, padding: 1)
  let x = try engine.activation(numbers(16 * 25), [1, 16, 5, 5])
  let (weight, bias) = (try engine.zeroWeight(g), try Tensor(zeros: [32]))
  func run(_ x: Tensor, _ weight: Tensor, _ bias: Tensor, _ residual: Tensor?) -> ScrlError.Code? {
    do throws(ScrlError) {
      _ = try engine.foldedConvolution(
        x, weight: weight, bias: bias, g, relu: true, adding: residual)
      return nil
    } catch { return error.code }
  }
  let fits = try engine.activation(numbers(32 * 9), [1, 32, 3, 3])
  #expect(run(x, weight, bias, nil) == nil)
  #expect(run(x, weight, bias, fits) == nil)
  #expect(run(x, weight, try Tensor(zeros: [16]), nil) == .shape)
  #expect(run(x, weight, bias, x) == .shape)
  #expect(run(x, weight, bias, try fits.plain(workers: Workers(1))) == .shape)
  #expect(run(fits, weight, bias, nil) == .shape)
  #expect(run(x, try weight.reshaped(g.weightShape), bias, nil) == .shape)
}

@Test(
  "pooling for inference gives maxPool's values, NaN included", arguments: [48, 32, 16, 8, 3],
  [(3, 2, 1), (2, 2, 0), (3, 1, 1)])
func maxPoolValues(block: Int, window: (Int, Int, Int)) throws {
  let engine = try TestEngine.openblas.make(Workers(2))
  let g = try PoolGeometry(kernel: window.0, stride: window.1, padding: window.2)
  var values = numbers(2 * 96 * 7 * 6)
  values[100] = .nan
  values[200] = -.infinity
  let x = try activation(values, [2, 96, 7, 6], block: block)
  let (want, got) = (try engine.maxPool(x, g).y, try engine.maxPoolValues(x, g))
  #expect(got.shape == want.shape && got.layout == want.layout)
  #expect(got.array.map(\.bitPattern) == want.array.map(\.bitPattern))
  #expect(throws: ScrlError.self) {
    _ = try engine.maxPoolValues(
      try activation(numbers(192), [1, 96, 2, 1], block: block),
      PoolGeometry(kernel: 4, stride: 1, padding: 0))
  }
}
