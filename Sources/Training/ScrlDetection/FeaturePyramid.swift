// The feature pyramid (Lin et al. 2017): P2…P5 of one width from the encoder's four maps, coarse
// ones added to finer ones, and P6 for the largest anchors, every second cell of P5.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN

struct FeaturePyramid: Module {
  let laterals: [BiasedConvolution]  // of layer1…layer4, 1×1
  let outputs: [BiasedConvolution]  // 3×3

  init(
    _ architecture: Architecture, width: Int, _ source: inout WeightSource
  ) throws(ScrlError) {
    var (laterals, outputs): ([BiasedConvolution], [BiasedConvolution]) = ([], [])
    for stage in Stage.allCases {
      let channels = architecture.channels(of: stage)
      laterals.append(
        try BiasedConvolution(
          name: "lateral\(stage.index + 2)", inputs: channels, outputs: width, kernel: 1,
          initial: .xavier, &source))
      outputs.append(
        try BiasedConvolution(
          name: "output\(stage.index + 2)", inputs: width, outputs: width, kernel: 3,
          padding: 1, initial: .xavier, &source))
    }
    (self.laterals, self.outputs) = (laterals, outputs)
  }

  /// What the pyramid takes of a stage's map: called as soon as the map is there, because the
  /// encoder forgets it.
  func lateral(_ map: Activation, of stage: Stage, _ pass: Pass) throws(ScrlError) -> Activation {
    try laterals[stage.index].forward(map, pass)
  }

  /// Laterals, finest first → P2…P6.
  func forward(_ laterals: [Activation], _ pass: Pass) throws(ScrlError) -> [Activation] {
    var levels: [Activation] = []
    var sum: Activation?
    for (lateral, output) in zip(laterals, outputs).reversed() {
      let merged = if let sum { try pass.upsampleAdd(sum, to: lateral) } else { lateral }
      sum = merged
      levels.insert(try output.forward(merged, pass), at: 0)
    }
    if let coarsest = levels.last { levels.append(try pass.subsample(coarsest)) }
    return levels
  }

  func collect(into contents: inout ModuleContents, prefix: String) {
    for (lateral, output) in zip(laterals, outputs) {
      lateral.collect(into: &contents, prefix: prefix)
      output.collect(into: &contents, prefix: prefix)
    }
  }
}
