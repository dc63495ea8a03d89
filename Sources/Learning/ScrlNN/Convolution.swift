// The convolution layer, without bias: a BatchNorm follows.
// Initialised by He et al. 2015 as torchvision does: normal, variance 2 / (O·h·w) ("fan_out").

import ScrlAutograd
import ScrlBase
import ScrlKernels

package struct Convolution: Module {
  package let geometry: ConvolutionGeometry
  package let weight: Parameter  // (O,I,h,w)

  package init(
    name: String, inputs: Int, outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0,
    _ source: inout WeightSource
  ) throws(ScrlError) {
    geometry = try ConvolutionGeometry(
      inputs: inputs, outputs: outputs, kernel: kernel, stride: stride, padding: padding)
    let fanOut = Double(outputs * kernel * kernel)
    weight = try source.parameter(
      name + ".weight", .convolutionWeight(geometry), geometry.weightShape,
      .normal(deviation: (2 / fanOut).squareRoot()))
  }

  package func forward(_ x: Activation, _ pass: Pass) throws(ScrlError) -> Activation {
    try pass.convolution(x, weight: weight, geometry)
  }

  package func collect(into contents: inout ModuleContents, prefix: String) {
    contents.add(weight, prefix: prefix)
  }
}
