// The convolution layer with a bias, and the ReLU that may follow: where there is no BatchNorm.

import ScrlAutograd
import ScrlBase
import ScrlKernels

package struct BiasedConvolution: Module {
  package let geometry: ConvolutionGeometry
  package let weight: Parameter  // (O,I,h,w)
  package let bias: Parameter  // (O)

  package init(
    name: String, inputs: Int, outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0,
    initial: Initial = .standard, _ source: inout WeightSource
  ) throws(ScrlError) {
    geometry = try ConvolutionGeometry(
      inputs: inputs, outputs: outputs, kernel: kernel, stride: stride, padding: padding)
    let shape = geometry.weightShape
    weight = try source.parameter(
      name + ".weight", .convolutionWeight(geometry), shape, initial.weight(shape))
    bias = try source.parameter(
      name + ".bias", .convolutionBias, [outputs], initial.bias(shape))
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
