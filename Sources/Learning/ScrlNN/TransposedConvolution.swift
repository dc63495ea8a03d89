// The transposed convolution layer with a bias, torch.nn.ConvTranspose2d, and the ReLU that may
// follow. With kernel = stride and no padding every cell becomes stride × stride cells.

import ScrlAutograd
import ScrlBase
import ScrlKernels

package struct TransposedConvolution: Module {
  package let geometry: ConvolutionGeometry  // of the convolution from O to I that it transposes
  package let weight: Parameter  // (I,O,h,w)
  package let bias: Parameter  // (O)

  package init(
    name: String, inputs: Int, outputs: Int, kernel: Int = 2, stride: Int = 2, padding: Int = 0,
    initial: Initial = .standard, _ source: inout WeightSource
  ) throws(ScrlError) {
    geometry = try ConvolutionGeometry(
      inputs: outputs, outputs: inputs, kernel: kernel, stride: stride, padding: padding)
    let shape = geometry.weightShape
    weight = try source.parameter(
      name + ".weight", .convolutionWeight(geometry), shape, initial.weight(shape))
    bias = try source.parameter(
      name + ".bias", .convolutionBias, [outputs], initial.bias(shape))
  }

  /// x (N,I,h,w) → (N,O,H,W)
  package func forward(
    _ x: Activation, relu: Bool = false, _ pass: Pass
  ) throws(ScrlError) -> Activation {
    try pass.transposedConvolution(x, weight: weight, bias: bias, of: geometry, relu: relu)
  }

  package func collect(into contents: inout ModuleContents, prefix: String) {
    contents.add(weight, prefix: prefix)
    contents.add(bias, prefix: prefix)
  }
}
