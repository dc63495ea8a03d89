// The three networks of a step and their names in checkpoints: online (encoder, projector),
// target (the same, without gradient), predictor.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor

/// Encoder and projector: what online and target both have.
package struct Branch: Module {
  package let encoder: ResNet
  package let projector: Head
  let stage: Stage  // where training reads the features

  init(_ config: Config, _ source: inout WeightSource) throws(ScrlError) {
    stage = config.trainedStage
    encoder = try ResNet(config.architecture, stem: config.stem, &source)
    projector = try Head(
      inputs: config.architecture.channels(of: stage), hidden: config.headHidden,
      outputs: config.headOutput, &source)
  }

  /// Views (M,3,S,S) → projections: a row per box (SCRL), or per view (BYOL: boxes is nil).
  func project(
    _ views: Tensor, boxes: [RegionBox]?, _ roi: RoIAlignOptions, _ pass: Pass
  ) throws(ScrlError) -> Activation {
    let features = try encoder.forward(views, upTo: stage, pass)
    let pooled: Activation
    if let boxes {
      pooled = try pass.flatten(try pass.roiAlign(features, boxes: boxes, roi))
    } else {
      pooled = try pass.globalAveragePool(features)
    }
    return try projector.forward(pooled, pass)
  }

  package func collect(into contents: inout ModuleContents, prefix: String) {
    encoder.collect(into: &contents, prefix: prefix + "encoder.")
    projector.collect(into: &contents, prefix: prefix + "projector.")
  }
}

struct Networks: Module {
  let online: Branch
  let target: Branch
  let predictor: Head

  init(_ config: Config, engine: any Engine) throws(ScrlError) {
    let seed = UInt64(config.seed)
    var source = WeightSource(engine: engine, seed: seed)
    online = try Branch(config, &source)
    predictor = try Head(
      inputs: config.headOutput, hidden: config.headHidden, outputs: config.headOutput, &source)
    // Official: the target starts from weights of its own. Corrected: from the online ones.
    var targetSource = WeightSource(engine: engine, seed: seed, use: .targetWeights)
    target = try Branch(config, &targetSource)
    if config.quirks == .corrected { try copyOnlineToTarget() }
  }

  private func copyOnlineToTarget() throws(ScrlError) {
    try target.contents().copyValues(from: online.contents())
  }

  /// What the optimiser moves.
  var trained: ModuleContents {
    var contents = ModuleContents()
    online.collect(into: &contents, prefix: "online.")
    predictor.collect(into: &contents, prefix: "predictor.")
    return contents
  }

  func collect(into contents: inout ModuleContents, prefix: String) {
    online.collect(into: &contents, prefix: prefix + "online.")
    predictor.collect(into: &contents, prefix: prefix + "predictor.")
    target.collect(into: &contents, prefix: prefix + "target.")
  }
}

extension Config {
  /// RoIAlign 1×1 on the chosen stage (paper, section 3.2).
  func roiOptions(side: Int = 1) throws(ScrlError) -> RoIAlignOptions {
    try RoIAlignOptions(
      outputHeight: side, outputWidth: side,
      spatialScale: 1 / Float(stem.stride(of: roiStage)), samplingRatio: roiSamplingRatio,
      aligned: roiAligned)
  }
}
