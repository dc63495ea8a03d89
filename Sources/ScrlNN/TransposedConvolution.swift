// A transposed 2×2 convolution of stride 2 with bias and, where wanted, a ReLU: every cell becomes
// four that overlap no other's.

import ScrlAutograd
import ScrlBase
import ScrlKernels

package struct TransposedConvolution: Module {
  package let weight: Parameter  // (I,O,2,2), PyTorch's order
  package let bias: Parameter  // (O)

  package init(
    name: String, inputs: Int, outputs: Int, drawing weights: WeightSource.Distribution,
    _ source: inout WeightSource
  ) throws(ScrlError) {
    weight = try source.parameter(
      name + ".weight", .transposedWeight, [inputs, outputs, 2, 2], weights)
    bias = try source.parameter(name + ".bias", .linearBias, [outputs], .constant(0))
  }

  /// (N,I,H,W) → (N,O,2H,2W)
  package func forward(
    _ x: Activation, relu: Bool = false, _ pass: Pass
  ) throws(ScrlError) -> Activation {
    try pass.transposedConvolution2x2(x, weight: weight, bias: bias, relu: relu)
  }

  package func collect(into contents: inout ModuleContents, prefix: String) {
    contents.add(weight, prefix: prefix)
    contents.add(bias, prefix: prefix)
  }
}
