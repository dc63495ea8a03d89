// A detector's training with the files around it: metrics, checkpoints, resuming.

import ScrlBase
import ScrlKernels
import ScrlPretraining
import ScrlStore

package final class DetectorRun: StoppableRun {
  package let trainer: DetectorTrainer
  package let folder: RunFolder?
  private var metrics = Metrics()

  /// - Parameters:
  ///   - weights: a checkpoint to start from, a pretrained backbone's or a detector's; nil: fresh.
  ///   - folder: made when missing; one that already holds a run is refused.
  package init(
    _ asked: Config, dataset: DatasetReader, weights: String?, folder: String?,
    engine: any Engine
  ) throws(ScrlError) {
    try asked.check()
    let samples = try DetectionSamples(dataset, empty: asked.detect.empty)
    samples.tellLeftOut()
    var config = asked
    if config.detect.classes == 0 { config.detect.classes = samples.classCount }
    let detector = try Detector(
      config,
      DetectorClasses(
        count: config.detect.classes, names: dataset.classes, ids: dataset.classIDs),
      engine: engine)
    if let weights { try detector.takeWeights(weights) }
    trainer = try DetectorTrainer(detector, samples)
    self.folder = try folder.map { path throws(ScrlError) in try RunFolder(creating: path) }
  }

  /// - Parameters:
  ///   - path: a run folder (its newest whole checkpoint is taken, later metrics are cut) or a
  ///     checkpoint file (nothing is written until the host saves).
  ///   - changes: what the run goes on with instead; only keys that may change.
  package init(
    resuming path: String, dataset: DatasetReader?, changes: ConfigChanges = [],
    makeEngine: (Config) throws(ScrlError) -> any Engine
  ) throws(ScrlError) {
    let claimed = try ClaimedFolder(resuming: path)
    let saved = try SavedDetector(path)
    trainer = try saved.trainer(dataset, changes, makeEngine: makeEngine)
    metrics = saved.metrics
    folder = try claimed.map { claimed throws(ScrlError) in
      try RunFolder(claimed, atStep: saved.step)
    }
    try expectLonger(changes)
  }

  package var config: Config { trainer.config }
  package var stepsDone: Int { trainer.stepsDone }
  package var totalSteps: Int { trainer.schedule.totalSteps }
  package var stepsPerEpoch: Int { trainer.stepsPerEpoch }

  package func step() throws(ScrlError) -> DetectorStepReport {
    let report = try trainer.step()
    metrics.append(row: report.row)
    try folder?.append(report.jsonLine(batch: trainer.config.detect.batch))
    return report
  }

  package func save(_ path: String) throws(ScrlError) {
    try writeCheckpoint(trainer, metrics, to: path)
  }
}

extension DetectorStepReport {
  static let columns = [
    "step", "epoch", "loss", "rpn_objectness", "rpn_box", "classification", "box", "mask",
    "learning_rate", "gradient_norm", "boxes", "skipped",
  ]

  /// No durations: a resumed run's checkpoint has the same bytes as an unbroken one's.
  var row: [Double] {
    [
      Double(step), Double(epoch), didStep ? losses.total : .nan, losses.rpnObjectness,
      losses.rpnBox, losses.classification, losses.box, losses.mask, learningRate, gradientNorm,
      Double(boxes), Double(skipped),
    ]
  }

  /// One line of metrics.jsonl. "step" comes first: resuming relies on it.
  func jsonLine(batch: Int) -> String {
    let rate = seconds > 0 ? Double(batch) / seconds : 0
    return "{\"step\": \(step), \"epoch\": \(epoch), "
      + "\"loss\": \(didStep ? "\(losses.total)" : "null"), "
      + "\"rpn_objectness\": \(losses.rpnObjectness), \"rpn_box\": \(losses.rpnBox), "
      + "\"classification\": \(losses.classification), \"box\": \(losses.box), "
      + "\"mask\": \(losses.mask), \"learning_rate\": \(learningRate), "
      + "\"gradient_norm\": \(gradientNorm), \"boxes\": \(boxes), \"skipped\": \(skipped), "
      + "\"seconds\": \(seconds), \"wait_seconds\": \(waitSeconds), "
      + "\"images_per_second\": \(rate)}"
  }
}
