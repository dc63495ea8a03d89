// Convolutions that multiply bfloat16: operands rounded to 8 bits, products summed in float32.

import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlOneDNN

private let layers = [
  (64, 64, 3, 1, 14, 2), (64, 128, 1, 1, 9, 3), (64, 32, 1, 2, 14, 2), (3, 64, 7, 2, 33, 2),
  (32, 64, 3, 2, 13, 1), (512, 64, 1, 1, 7, 4), (5, 16, 3, 1, 6, 2),
].map {
  Layer(inputs: $0.0, outputs: $0.1, kernel: $0.2, stride: $0.3, side: $0.4, images: $0.5)
}

@Suite(
  "bfloat16",
  .enabled(if: OneDNNEngine.hasBFloat16, "no oneDNN, or a CPU without AVX512_BF16"))
struct BFloat16Tests {
  private func engine(_ precision: Precision) throws -> OneDNNEngine {
    try OneDNNEngine(workers: Workers(2), winograd: .never, precision: precision)
  }

  @Test("Of operands that bfloat16 holds, the results are float32's", arguments: layers)
  func exactOperands(_ layer: Layer) throws {
    let got = try Results(layer, try engine(.bfloat16), bits: 8)
    let want = try Results(layer, try engine(.float32), bits: 8)
    // The products are exact in float32, so both sides round their sums alone: K products, in two
    // orders.
    let x = layer.images * layer.side * layer.side
    let y = layer.inputs * layer.kernel * layer.kernel
    let bound = { (depth: Int) in 4 * sumRounding(depth) }
    #expect(distance(got.y, want.y) < bound(y))
    #expect(distance(got.dx, want.dx) < bound(layer.outputs * layer.kernel * layer.kernel))
    #expect(distance(got.dw, want.dw) < bound(x))
  }

  @Test("Other operands are rounded to 8 bits", arguments: layers.filter { $0.inputs > 5 })
  func roundedOperands(_ layer: Layer) throws {
    let got = try Results(layer, try engine(.bfloat16))
    let want = try Results(layer, try engine(.float32))
    // Rounding to 8 bits is off by up to 2⁻⁹ of the next power of two, rms 2⁻⁹/√3 of about 0.7 of
    // it: 1.6e-3; two operands of each product, so 2.3e-3 of the result. Not here: few input channels,
    // for which some passes have no such kernel and stay float32.
    for (a, b) in [(got.y, want.y), (got.dx, want.dx), (got.dw, want.dw)] {
      let apart = distance(a, b)
      #expect(apart > 1e-3 && apart < 4e-3)
    }
  }

  @Test("Nothing is timed and nothing is Winograd's")
  func noChoice() throws {
    let engine = try OneDNNEngine(
      workers: Workers(2), winograd: .whereFaster, precision: .bfloat16)
    _ = try Results(layers[0], engine)
    #expect(engine.algorithmChoices.isEmpty)
  }

  @Test("A folded convolution rounds its operands too, not what it adds")
  func folded() throws {
    let layer = layers[0]
    let g = try layer.geometry
    let shape = [layer.images, g.inputs, layer.side, layer.side]
    func run(_ precision: Precision) throws -> [Float] {
      let engine = try engine(precision)
      let bias = try Tensor(numbers(g.outputs, tag: 4).map { $0 + 100 }, shape: [g.outputs])
      let weight = try engine.packWeight(
        try Tensor(numbers(g.weightShape.reduce(1, *), tag: 2), shape: g.weightShape), g)
      let y = try engine.foldedConvolution(
        try engine.activation(numbers(shape.reduce(1, *), tag: 1), shape), weight: weight,
        bias: bias, g, relu: true,
        adding: try engine.activation(numbers(shape.reduce(1, *), tag: 3), shape))
      return try plainValues(y)
    }
    // Values near 100, of which the convolution is some 14: 2.3e-3 of that.
    let apart = distance(try run(.bfloat16), try run(.float32)) * 100
    #expect(apart > 0.005 && apart < 0.1)
  }
}
