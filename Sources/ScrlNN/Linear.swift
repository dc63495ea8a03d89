// The linear layer, initialised as torch.nn.Linear, weight and bias uniform in ±1/√I, or as told.

import ScrlAutograd
import ScrlBase

package struct Linear: Module {
  package let weight: Parameter  // (O,I)
  package let bias: Parameter?  // (O)

  package init(
    name: String, inputs: Int, outputs: Int, bias hasBias: Bool, _ source: inout WeightSource
  ) throws(ScrlError) {
    guard inputs > 0, outputs > 0 else {
      throw ScrlError(
        .shape, "\(name): got \(inputs) → \(outputs) features · expected positive counts")
    }
    let bound = 1 / Double(inputs).squareRoot()
    weight = try source.parameter(
      name + ".weight", .linearWeight, [outputs, inputs], .uniform(bound: bound))
    bias =
      hasBias
      ? try source.parameter(name + ".bias", .linearBias, [outputs], .uniform(bound: bound)) : nil
  }

  /// With a weight drawn as told and a bias of zeros.
  package init(
    name: String, inputs: Int, outputs: Int, drawing weights: WeightSource.Distribution,
    _ source: inout WeightSource
  ) throws(ScrlError) {
    guard inputs > 0, outputs > 0 else {
      throw ScrlError(
        .shape, "\(name): got \(inputs) → \(outputs) features · expected positive counts")
    }
    weight = try source.parameter(name + ".weight", .linearWeight, [outputs, inputs], weights)
    bias = try source.parameter(name + ".bias", .linearBias, [outputs], .constant(0))
  }

  package func forward(_ x: Activation, _ pass: Pass) throws(ScrlError) -> Activation {
    try pass.linear(x, weight: weight, bias: bias)
  }

  package func collect(into contents: inout ModuleContents, prefix: String) {
    contents.add(weight, prefix: prefix)
    if let bias { contents.add(bias, prefix: prefix) }
  }
}
