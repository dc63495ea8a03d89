// The linear layer, and the ReLU that may follow. Initialised as torch.nn.Linear unless told
// otherwise.

import ScrlAutograd
import ScrlBase

package struct Linear: Module {
  package let weight: Parameter  // (O,I)
  package let bias: Parameter?  // (O)

  package init(
    name: String, inputs: Int, outputs: Int, bias hasBias: Bool, initial: Initial = .standard,
    _ source: inout WeightSource
  ) throws(ScrlError) {
    guard inputs > 0, outputs > 0 else {
      throw ScrlError(
        .shape, "\(name): got \(inputs) → \(outputs) features · expected positive counts")
    }
    let shape = [outputs, inputs]
    weight = try source.parameter(name + ".weight", .linearWeight, shape, initial.weight(shape))
    bias =
      hasBias
      ? try source.parameter(name + ".bias", .linearBias, [outputs], initial.bias(shape)) : nil
  }

  package func forward(
    _ x: Activation, relu: Bool = false, _ pass: Pass
  ) throws(ScrlError) -> Activation {
    try pass.linear(x, weight: weight, bias: bias, relu: relu)
  }

  package func collect(into contents: inout ModuleContents, prefix: String) {
    contents.add(weight, prefix: prefix)
    if let bias { contents.add(bias, prefix: prefix) }
  }
}
