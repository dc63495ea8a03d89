// What a step's gradient comes from, phases 1 to 3 of the trainer's page: forward passes and loss.
// Letters: M = 2N views, K boxes per view, D projection length, F classes.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor

/// What a step learnt from, in numbers.
struct Outcome {
  var loss = 0.0
  var probeLoss = 0.0  // 0 without a probe
  var accuracy = Double.nan  // of probe or classifier over the labelled views; NaN without any
  var health: Health?  // nil: this step did not look
}

extension SelfDistillation {
  /// - Parameter looks: whether to look for signs of collapse.
  func outcome(
    _ batch: Batch, _ config: Config, looks: Bool, _ pass: Pass, _ watch: inout StepWatch
  ) throws(ScrlError) -> Outcome {
    let regions = try Regions(batch, config)
    // 1. Target network on both views and their boxes, nothing kept: t (2K,D). BatchNorm sees both
    // views together. It goes first: what the online network keeps would only lie beside it.
    let t = try targets(batch, config, regions, Pass(engine: pass.engine, mode: .training))
    watch.lap(\.targetForward)

    // 2. Online network and predictor on the same: q (2K,D).
    let features = try online.encoder.forward(batch.views, upTo: config.trainedStage, pass)
    let z = try online.projector.forward(try regions.pool(features, pass), pass)
    let q = try predictor.forward(z, pass)
    watch.lap(\.onlineForward)

    // 3. Loss: mean over boxes of (2 − 2 q₁·t₂) + (2 − 2 q₂·t₁), paper section 3; and the
    // probe's on features through which no gradient passes.
    var outcome = Outcome()
    outcome.loss = try pass.cosineRegressionLoss(q, target: t)
    if looks, outcome.loss.isFinite {
      outcome.health = try batch.health(
        of: z, regions.boxes, areProjections: true, pass, &watch)
    }
    if let probe, let labels = batch.viewLabels {
      let pooled = try pass.globalAveragePool(features.detached)
      let logits = try probe.forward(pooled, pass)
      outcome.probeLoss = try pass.crossEntropyLoss(logits, labels: labels)
      outcome.accuracy = accuracy(try logits.value(pass.engine), labels)
    }
    return outcome
  }

  private func targets(
    _ batch: Batch, _ config: Config, _ regions: Regions, _ pass: Pass
  ) throws(ScrlError) -> Tensor {
    let features = try target.encoder.forward(batch.views, upTo: config.trainedStage, pass)
    return try target.projector.forward(try regions.pool(features, pass), pass).value(pass.engine)
  }
}

extension Classification {
  /// Softmax cross entropy of both views' pooled features, mean over the labelled views.
  func outcome(
    _ batch: Batch, _ config: Config, looks: Bool, _ pass: Pass, _ watch: inout StepWatch
  ) throws(ScrlError) -> Outcome {
    let features = try encoder.forward(batch.views, upTo: config.trainedStage, pass)
    let pooled = try pass.globalAveragePool(features)
    let logits = try classifier.forward(pooled, pass)
    watch.lap(\.onlineForward)
    let labels = batch.viewLabels ?? []
    let loss = try pass.crossEntropyLoss(logits, labels: labels)
    var outcome = Outcome(
      loss: loss, accuracy: accuracy(try logits.value(pass.engine), labels))
    if looks, loss.isFinite {
      outcome.health = try batch.health(of: pooled, nil, areProjections: false, pass, &watch)
    }
    return outcome
  }
}

extension Batch {
  /// Of the rows that a step makes anyhow: projections, or what a classifier sees. It reads them and
  /// touches nothing else.
  /// - Parameter boxes: whose rows they are; nil: of the views as wholes.
  fileprivate func health(
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

/// From feature maps to what is projected: a row per box (SCRL) or per view (BYOL).
private struct Regions {
  let boxes: [RegionBox]?  // nil: whole views
  let options: RoIAlignOptions

  init(_ batch: Batch, _ config: Config) throws(ScrlError) {
    boxes = config.method == .scrl ? batch.boxes : nil
    options = try config.roiOptions(side: config.roiPoolSize)
  }

  func pool(_ features: Activation, _ pass: Pass) throws(ScrlError) -> Activation {
    guard let boxes else { return try pass.globalAveragePool(features) }
    return try pass.flatten(try pass.roiAlign(features, boxes: boxes, options))
  }
}

private func accuracy(_ logits: Tensor, _ labels: [Int]) -> Double {
  let labelled = labels.count { $0 >= 0 }
  return labelled == 0 ? .nan : Double(Hits(logits, labels: labels).first) / Double(labelled)
}
