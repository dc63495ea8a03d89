// The proposal network's head, the same for every level: is there an object at this anchor, and how
// does its box differ from the anchor (Ren et al. 2015, section 3.1).
// Letters: N images, A anchors per cell, H×W cells.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN

struct ProposalHead: Module {
  struct Level {
    let objectness: Activation  // (N,A,H,W), logits
    let deltas: Activation  // (N,4A,H,W), channel a·4 + i
  }

  let conv: BiasedConvolution
  let objectness: BiasedConvolution
  let deltas: BiasedConvolution

  init(width: Int, anchors: Int, _ source: inout WeightSource) throws(ScrlError) {
    func layer(
      _ name: String, _ outputs: Int, kernel: Int, _ source: inout WeightSource
    ) throws(ScrlError) -> BiasedConvolution {
      try BiasedConvolution(
        name: name, inputs: width, outputs: outputs, kernel: kernel,
        padding: kernel / 2, initial: .normal(deviation: 0.01), &source)
    }
    conv = try layer("conv", width, kernel: 3, &source)
    objectness = try layer("objectness", anchors, kernel: 1, &source)
    deltas = try layer("deltas", 4 * anchors, kernel: 1, &source)
  }

  func forward(_ level: Activation, _ pass: Pass) throws(ScrlError) -> Level {
    let hidden = try conv.forward(level, relu: true, pass)
    return Level(
      objectness: try objectness.forward(hidden, pass), deltas: try deltas.forward(hidden, pass))
  }

  func collect(into contents: inout ModuleContents, prefix: String) {
    for layer in [conv, objectness, deltas] { layer.collect(into: &contents, prefix: prefix) }
  }
}
