// The projector and the predictor (Grill et al. 2020, BYOL):
// Linear(F→hidden, bias) → BatchNorm → ReLU → Linear(hidden→outputs, no bias).

import ScrlAutograd
import ScrlBase

package struct Head: Module {
  package static let hiddenFeatures = 4096
  package static let outputFeatures = 256

  package let fc1: Linear
  package let bn: BatchNorm
  package let fc2: Linear

  package init(
    inputs: Int, hidden: Int = Head.hiddenFeatures, outputs: Int = Head.outputFeatures,
    _ source: inout WeightSource
  ) throws(ScrlError) {
    fc1 = try Linear(name: "fc1", inputs: inputs, outputs: hidden, bias: true, &source)
    bn = try BatchNorm(name: "bn", channels: hidden, &source)
    fc2 = try Linear(name: "fc2", inputs: hidden, outputs: outputs, bias: false, &source)
  }

  /// x (K,F) → (K, outputs)
  package func forward(_ x: Activation, _ pass: Pass) throws(ScrlError) -> Activation {
    let hidden = try fc1.forward(x, pass)
    let normalised = try bn.forward(hidden, relu: true, pass)
    return try fc2.forward(normalised, pass)
  }

  package func collect(into contents: inout ModuleContents, prefix: String) {
    fc1.collect(into: &contents, prefix: prefix)
    bn.collect(into: &contents, prefix: prefix)
    fc2.collect(into: &contents, prefix: prefix)
  }
}
