// What is said of a region: its class and box from 7×7 cells, its mask from 14×14
// (He et al. 2017, figure 4 right; Lin et al. 2017, section 5.2).
// Letters: K regions, P×P cells, C pyramid channels, F classes.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN

struct BoxHead: Module {
  let fc1: Linear
  let fc2: Linear
  let scores: Linear  // F + 1, the last for background
  let deltas: Linear  // 4F, of each class its own

  init(
    _ options: DetectionOptions, classes: Int, _ source: inout WeightSource
  ) throws(ScrlError) {
    let inputs = options.pyramidWidth * options.boxCells * options.boxCells
    let width = options.boxHeadWidth
    fc1 = try Linear(
      name: "fc1", inputs: inputs, outputs: width, bias: true, initial: .xavier, &source)
    fc2 = try Linear(
      name: "fc2", inputs: width, outputs: width, bias: true, initial: .xavier, &source)
    scores = try Linear(
      name: "scores", inputs: width, outputs: classes + 1, bias: true,
      initial: .normal(deviation: 0.01), &source)
    deltas = try Linear(
      name: "deltas", inputs: width, outputs: 4 * classes, bias: true,
      initial: .normal(deviation: 0.001), &source)
  }

  /// regions (K,C,P,P) → logits (K,F+1), deltas (K,4F)
  func forward(
    _ regions: Activation, _ pass: Pass
  ) throws(ScrlError) -> (scores: Activation, deltas: Activation) {
    var x = try pass.flatten(regions)
    for layer in [fc1, fc2] { x = try layer.forward(x, relu: true, pass) }
    return (try scores.forward(x, pass), try deltas.forward(x, pass))
  }

  func collect(into contents: inout ModuleContents, prefix: String) {
    for layer in [fc1, fc2] { layer.collect(into: &contents, prefix: prefix + "box_head.") }
    for layer in [scores, deltas] {
      layer.collect(into: &contents, prefix: prefix + "box_predictor.")
    }
  }
}

struct MaskHead: Module {
  let convolutions: [BiasedConvolution]
  let upsample: TransposedConvolution
  let predictor: BiasedConvolution

  init(
    _ options: DetectionOptions, classes: Int, _ source: inout WeightSource
  ) throws(ScrlError) {
    let width = options.maskHeadWidth
    var convolutions: [BiasedConvolution] = []
    for place in 1...options.maskHeadDepth {
      convolutions.append(
        try BiasedConvolution(
          name: "conv\(place)", inputs: place == 1 ? options.pyramidWidth : width,
          outputs: width, kernel: 3, padding: 1, initial: .msra, &source))
    }
    self.convolutions = convolutions
    upsample = try TransposedConvolution(
      name: "upsample", inputs: width, outputs: width, initial: .msra, &source)
    predictor = try BiasedConvolution(
      name: "predictor", inputs: width, outputs: classes, kernel: 1,
      initial: .normal(deviation: 0.001), &source)
  }

  /// regions (K,C,P,P) → logits (K,F,2P,2P), of each class its own mask
  func forward(_ regions: Activation, _ pass: Pass) throws(ScrlError) -> Activation {
    var x = regions
    for layer in convolutions { x = try layer.forward(x, relu: true, pass) }
    return try predictor.forward(try upsample.forward(x, relu: true, pass), pass)
  }

  func collect(into contents: inout ModuleContents, prefix: String) {
    for layer in convolutions { layer.collect(into: &contents, prefix: prefix + "mask_head.") }
    upsample.collect(into: &contents, prefix: prefix + "mask_head.")
    predictor.collect(into: &contents, prefix: prefix + "mask_head.")
  }
}
