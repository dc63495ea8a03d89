// A convolution with a bias and, where wanted, a ReLU: where no BatchNorm follows.

import ScrlAutograd
import ScrlBase
import ScrlKernels

package struct BiasedConvolution: Module {
  package let geometry: ConvolutionGeometry
  package let weight: Parameter  // (O,I,h,w)
  package let bias: Parameter  // (O)

  /// Keeps extents: stride 1, padding for an odd kernel. The bias starts at zero.
  package init(
    name: String, inputs: Int, outputs: Int, kernel: Int,
    drawing weights: WeightSource.Distribution, _ source: inout WeightSource
  ) throws(ScrlError) {
    geometry = try ConvolutionGeometry(
      inputs: inputs, outputs: outputs, kernel: kernel, stride: 1, padding: kernel / 2)
    weight = try source.parameter(
      name + ".weight", .convolutionWeight(geometry), geometry.weightShape, weights)
    bias = try source.parameter(name + ".bias", .linearBias, [outputs], .constant(0))
  }

  package func forward(
    _ x: Activation, relu: Bool = false, _ pass: Pass
  ) throws(ScrlError) -> Activation {
    try pass.convolution(x, weight: weight, bias: bias, geometry, relu: relu)
  }

  package func collect(into contents: inout ModuleContents, prefix: String) {
    contents.add(weight, prefix: prefix)
    contents.add(bias, prefix: prefix)
  }
}
