// Convolution against its definition, over the ways that the engine takes.

import ScrlBase
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlKernels

struct ConvolutionCase: CustomTestStringConvertible {
  let inputs, outputs, kernel, stride, padding, images, height, width: Int
  var testDescription: String {
    "\(inputs)→\(outputs) \(kernel)×\(kernel)/\(stride)+\(padding) on \(images)×\(height)×\(width)"
  }
}

private let cases = [
  (3, 4, 1, 1, 0, 2, 3, 2), (3, 4, 1, 2, 0, 2, 4, 5), (2, 3, 1, 1, 1, 1, 3, 3),
  (2, 3, 3, 1, 1, 2, 5, 4), (2, 3, 3, 2, 1, 2, 5, 6), (2, 3, 3, 1, 0, 2, 4, 5),
  (2, 2, 3, 1, 4, 1, 3, 3), (1, 2, 5, 3, 2, 2, 7, 8), (3, 2, 7, 2, 3, 1, 8, 9),
  (2, 3, 2, 2, 0, 1, 5, 4), (1, 1, 3, 1, 1, 1, 1, 1),
  // Channels in whole blocks of 16 or 8, of 8 alone, and on one side alone.
  (3, 16, 7, 2, 3, 2, 9, 8), (16, 32, 1, 1, 0, 2, 3, 5), (32, 16, 1, 2, 0, 2, 5, 4),
  (16, 16, 3, 1, 1, 2, 5, 4), (32, 16, 3, 2, 1, 2, 6, 5), (16, 16, 3, 1, 1, 1, 1, 1),
  (16, 16, 3, 1, 4, 1, 3, 3), (8, 24, 3, 1, 1, 1, 4, 3), (3, 8, 3, 1, 1, 2, 5, 5),
  (5, 16, 3, 1, 1, 2, 4, 4), (16, 3, 1, 1, 0, 2, 4, 4), (1, 16, 3, 1, 1, 1, 5, 4),
].map {
  ConvolutionCase(
    inputs: $0.0, outputs: $0.1, kernel: $0.2, stride: $0.3, padding: $0.4, images: $0.5,
    height: $0.6, width: $0.7)
}

@Test(
  "convolution and its gradients equal the definition", arguments: TestEngine.convolving,
  cases)
func convolutionDefinition(_ kind: TestEngine, _ c: ConvolutionCase) throws {
  let engine = try kind.make(Workers(2))
  let g = try ConvolutionGeometry(
    inputs: c.inputs, outputs: c.outputs, kernel: c.kernel, stride: c.stride, padding: c.padding)
  let naive = try NaiveConvolution(g, images: c.images, height: c.height, width: c.width)
  let xShape = [c.images, c.inputs, c.height, c.width]
  let yShape = [c.images, c.outputs, naive.outputHeight, naive.outputWidth]
  let x = numbers(xShape.reduce(1, *), tag: 1)
  let w = numbers(g.weightShape.reduce(1, *), tag: 2)
  let dy = numbers(yShape.reduce(1, *), tag: 3)
  let start = numbers(w.count, tag: 4)
  var y = [Double](repeating: 0, count: dy.count)
  var dx = [Double](repeating: 0, count: x.count)
  var dw = start.map(Double.init)  // gradients of parameters are added
  naive.forEachProduct { i, j, k in
    y[k] += Double(x[i]) * Double(w[j])
    dx[i] += Double(dy[k]) * Double(w[j])
    dw[j] += Double(dy[k]) * Double(x[i])
  }
  let weight = try engine.packWeight(try Tensor(w, shape: g.weightShape), g)
  let blockedX = try engine.activation(x, xShape)
  let blockedDy = try engine.activation(dy, yShape)
  let dWeight = try engine.packWeight(try Tensor(start, shape: g.weightShape), g)
  try engine.convolutionBackwardWeight(blockedDy, x: blockedX, into: dWeight, g)
  /// Of a sum of `count` products, whose standard deviation is 1/3: four standard deviations of its
  /// error, for the worst of some hundred sums. Uncut, as OpenBLAS's AVX2 kernels add.
  func bound(_ count: Int) -> Double {
    let relative = kind == .winograd ? winogradRounding(count) : sumRounding(count)
    return 4 * relative * Double(count).squareRoot() / 3
  }
  let taps = c.kernel * c.kernel
  expectClose(
    try plainValues(try engine.convolution(blockedX, weight: weight, g)), y, relative: 1e-6,
    absolute: bound(taps * c.inputs), "y")
  expectClose(
    try plainValues(
      try engine.convolutionBackwardInput(
        blockedDy, weight: weight, inputHeight: c.height, inputWidth: c.width, g)), dx,
    relative: 1e-6, absolute: bound(taps * c.outputs), "dx")
  expectClose(
    try engine.unpackWeight(dWeight, g).array, dw, relative: 1e-6,
    absolute: bound(c.images * naive.outputHeight * naive.outputWidth + 1), "dweight")
}

// Tiles and shares need thousands of pixels; there ⟨dy, conv(x)⟩ stands for the definition.
@Test(
  "over many tiles, ⟨dy, conv(x, w)⟩ = ⟨conv's dx, x⟩ = ⟨conv's dw, w⟩",
  arguments: onEngines([(1, 1, 0), (3, 1, 1), (3, 2, 1), (7, 2, 3), (1, 2, 0)]), [1, 2, 3])
func convolutionAdjoint(
  _ on: (kind: TestEngine, window: (kernel: Int, stride: Int, padding: Int)), count: Int
) throws {
  let (kind, window) = on
  let outputs = kind == .onednn ? 16 : 5  // in blocks where there are blocks
  let engine = try kind.make(Workers(count))
  let g = try ConvolutionGeometry(
    inputs: 3, outputs: outputs, kernel: window.kernel, stride: window.stride,
    padding: window.padding)
  let side = 66 * window.stride
  let x = try engine.activation(numbers(3 * side * side * 3), [3, 3, side, side])
  let w = try engine.packWeight(
    try Tensor(numbers(g.weightShape.reduce(1, *), tag: 1), shape: g.weightShape), g)
  let y = try engine.convolution(x, weight: w, g)
  let dy = try Tensor(numbers(y.count, tag: 2), shape: y.shape, layout: y.layout)
  let dx = try engine.convolutionBackwardInput(
    dy, weight: w, inputHeight: side, inputWidth: side, g)
  let dw = try engine.zeroWeight(g)
  try engine.convolutionBackwardWeight(dy, x: x, into: dw, g)
  let product = dot(dy, y)
  // Random signs: the sums are about √(200 000·15) ≈ 2000, their parts exact to about 1e-6.
  #expect(abs(dot(dx, x) - product) < 0.02)
  #expect(abs(dot(dw, w) - product) < 0.02)
}

private func dot(_ a: Tensor, _ b: Tensor) -> Double {
  var sum = 0.0
  for i in 0..<a.count { sum += Double(a.pointer[i]) * Double(b.pointer[i]) }
  return sum
}

@Test(
  "unpacking a packed weight gives it back", arguments: TestEngine.all,
  [(3, 4), (3, 16), (16, 32), (48, 16)])
func packRoundTrip(_ kind: TestEngine, _ channels: (inputs: Int, outputs: Int)) throws {
  let engine = try kind.make(Workers(1))
  let g = try ConvolutionGeometry(
    inputs: channels.inputs, outputs: channels.outputs, kernel: 3, stride: 1, padding: 1)
  let plain = try Tensor(numbers(g.weightShape.reduce(1, *)), shape: g.weightShape)
  let packed = try engine.packWeight(plain, g)
  #expect(packed.count == plain.count)
  #expect(packed.layout != .plain)
  #expect(packed.array != plain.array)
  #expect(try engine.unpackWeight(packed, g).array == plain.array)
}
