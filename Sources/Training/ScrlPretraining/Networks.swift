// What each method trains, and the names in checkpoints: "online.encoder", "online.projector",
// "target.*", "predictor", "probe", "classifier".
// Letters: M = 2N views, K boxes per view, C channels, P cells per box and axis, F classes.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor

/// Encoder and projector: what online and target both have.
package struct Branch: Module {
  package let encoder: ResNet
  package let projector: Head

  init(_ config: Config, _ source: inout WeightSource) throws(ScrlError) {
    encoder = try ResNet(config.architecture, stem: config.stem, &source)
    projector = try Head(
      inputs: config.projectorInputs, hidden: config.headHidden, outputs: config.headOutput,
      &source)
  }

  package func collect(into contents: inout ModuleContents, prefix: String) {
    encoder.collect(into: &contents, prefix: prefix + "encoder.")
    projector.collect(into: &contents, prefix: prefix + "projector.")
  }
}

/// SCRL and BYOL: an online network learns to predict its own moving average.
struct SelfDistillation: Module {
  let online: Branch
  let predictor: Head
  let target: Branch
  let probe: Linear?  // classes from the detached features of the online network

  init(_ config: Config, engine: any Engine) throws(ScrlError) {
    let seed = UInt64(config.seed)
    var source = WeightSource(engine: engine, seed: seed)
    online = try Branch(config, &source)
    predictor = try Head(
      inputs: config.headOutput, hidden: config.headHidden, outputs: config.headOutput, &source)
    probe =
      config.probeOnline
      ? try Linear(
        name: "probe", inputs: config.architecture.channels(of: config.trainedStage),
        outputs: config.classes, bias: true, &source) : nil
    // Official: the target starts from weights of its own. Corrected: from the online ones.
    var targetSource = WeightSource(engine: engine, seed: seed, use: .targetWeights)
    target = try Branch(config, &targetSource)
    if config.quirks == .corrected {
      try target.contents().copyValues(from: online.contents())
    }
  }

  /// What the optimiser moves.
  var trained: ModuleContents {
    var contents = ModuleContents()
    online.collect(into: &contents, prefix: "online.")
    predictor.collect(into: &contents, prefix: "predictor.")
    probe?.collect(into: &contents, prefix: "")
    return contents
  }

  func collect(into contents: inout ModuleContents, prefix: String) {
    online.collect(into: &contents, prefix: prefix + "online.")
    predictor.collect(into: &contents, prefix: prefix + "predictor.")
    probe?.collect(into: &contents, prefix: prefix)
    target.collect(into: &contents, prefix: prefix + "target.")
  }
}

/// The supervised baseline: a linear classifier on the pooled features, all of it trained.
struct Classification: Module {
  let encoder: ResNet
  let classifier: Linear

  init(_ config: Config, engine: any Engine) throws(ScrlError) {
    var source = WeightSource(engine: engine, seed: UInt64(config.seed))
    encoder = try ResNet(config.architecture, stem: config.stem, &source)
    classifier = try Linear(
      name: "classifier", inputs: config.architecture.channels(of: config.trainedStage),
      outputs: config.classes, bias: true, &source)
  }

  func collect(into contents: inout ModuleContents, prefix: String) {
    encoder.collect(into: &contents, prefix: prefix + "online.encoder.")
    classifier.collect(into: &contents, prefix: prefix)
  }
}

enum Networks {
  case selfDistillation(SelfDistillation)
  case classification(Classification)

  init(_ config: Config, engine: any Engine) throws(ScrlError) {
    switch config.method {
    case .scrl, .byol: self = .selfDistillation(try SelfDistillation(config, engine: engine))
    case .supervised: self = .classification(try Classification(config, engine: engine))
    }
  }

  /// Every weight and statistic.
  var contents: ModuleContents {
    switch self {
    case .selfDistillation(let networks): networks.contents()
    case .classification(let networks): networks.contents()
    }
  }

  /// What the optimiser moves.
  var trained: ModuleContents {
    switch self {
    case .selfDistillation(let networks): networks.trained
    case .classification(let networks): networks.contents()
    }
  }
}

extension Config {
  /// A box's P×P cells are flattened in the order (C,P,P), a whole image is averaged.
  var projectorInputs: Int {
    let channels = architecture.channels(of: trainedStage)
    return method == .scrl ? channels * roiPoolSize * roiPoolSize : channels
  }

  /// RoIAlign P×P on the chosen stage (paper, section 3; there P = 1); nil: roi.stage.
  package func roiOptions(
    side: Int, stage: Stage? = nil
  ) throws(ScrlError) -> RoIAlignOptions {
    try RoIAlignOptions(
      outputHeight: side, outputWidth: side,
      spatialScale: 1 / Float(stem.stride(of: stage ?? roiStage)), samplingRatio: roiSamplingRatio,
      aligned: roiAligned)
  }
}
