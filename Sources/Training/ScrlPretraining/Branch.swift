// What methods share: encoder and projector, from feature maps to the rows that a loss compares, and
// a look at their health.
// Letters: M = 2N views, K boxes per view, C channels, P cells per box and axis, D projection length.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor
import ScrlTraining

/// Encoder and projector: what an online network and its target both have.
struct Branch: Module {
  let encoder: ResNet
  let projector: Head

  init(_ config: Config, _ source: inout WeightSource) throws(ScrlError) {
    encoder = try ResNet(config.architecture, stem: config.stem, &source)
    projector = try Head(
      inputs: config.projectorInputs, hidden: config.headHidden, outputs: config.headOutput,
      &source)
  }

  func collect(into contents: inout ModuleContents, prefix: String) {
    encoder.collect(into: &contents, prefix: prefix + "encoder.")
    projector.collect(into: &contents, prefix: prefix + "projector.")
  }

  /// The map (M,C,h,w) of the trained stage, and a projection for each box or view (…,D).
  func forward(
    _ batch: Batch, _ config: Config, _ pooling: Pooling, _ pass: Pass
  ) throws(ScrlError) -> (features: Activation, projection: Activation) {
    let features = try encoder.forward(batch.views, upTo: config.trainedStage, pass)
    return (features, try projector.forward(try pooling.rows(of: features, pass), pass))
  }
}

/// From feature maps to what is projected: a row per box, or per view.
struct Pooling {
  let boxes: [RegionBox]?  // nil: whole views
  private let options: RoIAlignOptions

  init(_ batch: Batch, _ config: Config) throws(ScrlError) {
    boxes = config.method.unit == .regions ? batch.boxes : nil
    options = try config.roiOptions(side: config.roiPoolSize)
  }

  func rows(of features: Activation, _ pass: Pass) throws(ScrlError) -> Activation {
    guard let boxes else { return try pass.globalAveragePool(features) }
    return try pass.flatten(try pass.roiAlign(features, boxes: boxes, options))
  }
}

extension Config {
  /// A box's P×P cells are flattened in the order (C,P,P), a whole image is averaged.
  var projectorInputs: Int {
    let channels = architecture.channels(of: trainedStage)
    return method.unit == .regions ? channels * roiPoolSize * roiPoolSize : channels
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

extension Batch {
  /// Signs of collapse in rows that the step makes in any case: projections, or what a classifier
  /// sees.
  /// - Parameter boxes: whose rows they are; nil: of the views as wholes.
  func health(
    of rows: Activation, _ boxes: [RegionBox]?, areProjections: Bool, _ pass: Pass,
    _ watch: inout StepWatch
  ) throws(ScrlError) -> Health {
    defer { watch.skip() }
    let groups = (boxes.map { $0.map(\.image) } ?? Array(0..<2 * images)).map { $0 % images }
    return try Health(
      of: try rows.value(pass.engine), paired: true, groups: groups,
      areProjections: areProjections, most: Health.trainingRows, pass.engine.workers)
  }
}

/// Share of the labelled rows of logits that name their class; NaN without any.
func accuracy(of logits: Tensor, _ labels: [Int]) -> Double {
  let labelled = labels.count { $0 >= 0 }
  return labelled == 0 ? .nan : Double(Hits(logits, labels: labels).first) / Double(labelled)
}
