// Pretraining as a task: a method on the views of a dataset, its optimiser and schedules, and what a
// checkpoint keeps of it. Not here: the method (Methods/), making views (Loader).

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlStore
import ScrlTensor
import ScrlTraining

package final class Pretraining: TrainingTask {
  package let config: Config
  package let engine: any Engine
  package let dataset: DatasetReader?
  package let schedules: Schedules
  package let state: ModuleContents
  package let trained: [NamedParameter]
  package let optimizer: LARS
  private let method: any PretrainingMethod
  private let batches: BatchSource<ViewRecipe>?
  private var toldCollapse: Collapse?  // the log has it already

  package init(
    _ asked: Config, dataset: DatasetReader?, engine: any Engine
  ) throws(ScrlError) {
    try asked.check()
    if let dataset, dataset.count < asked.batch {
      throw ScrlError(
        .data,
        "train: the dataset has \(dataset.count) images · expected at least train.batch, "
          + "\(asked.batch)")
    }
    let config = try asked.withClasses(of: dataset)
    self.config = config
    self.dataset = dataset
    self.engine = engine
    schedules = try Schedules(config, samples: dataset?.count)
    method = try config.method.type.init(config, engine: engine)
    state = method.contents()
    trained = method.trained.parameters
    optimizer = try LARS(
      trained,
      try LARSOptions(
        momentum: config.momentum, weightDecay: config.weightDecay, quirks: config.quirks,
        adapts: config.method.type.usesLARS), workers: engine.workers)
    let block = engine.channelBlock(for: 3)
    batches = dataset.map {
      BatchSource(
        ViewRecipe(dataset: $0, config: config, block: block),
        threads: config.resolvedLoaderThreads, batches: config.loaderPrefetch)
    }
  }

  package var settings: RunSettings { config.runSettings(batch: config.batch) }
  package var totalSteps: Int { schedules.totalSteps }
  package var stepsPerEpoch: Int { schedules.stepsPerEpoch }
  package var momentum: [MomentumBuffer] { optimizer.buffers }

  package func batch(step: Int) throws(ScrlError) -> Batch {
    guard let batches else {
      throw ScrlError(.state, "step: the trainer has no dataset · expected step_on")
    }
    return try batches.batch(step: step)
  }

  package func report(on batch: Batch, step: Int) throws(ScrlError) -> StepReport {
    try config.check(batch)
    let pairs = config.pairs(in: batch)
    let rises = config.method.type.momentumRises
    return StepReport(
      didStep: pairs.count > 0, step: step, totalSteps: totalSteps, epoch: batch.epoch, loss: 0,
      learningRate: schedules.rate.rate(step: step),
      emaMomentum: rises ? schedules.ema.momentum(step: step - 1) : config.emaMomentum,
      boxes: pairs.count, skipped: batch.unreadable + pairs.imagesWithout, stepsSkipped: 0,
      probeLoss: 0, accuracy: .nan, seconds: 0, waitSeconds: 0)
  }

  package func lose(
    on batch: Batch, _ report: inout StepReport, _ pass: Pass, _ watch: inout StepWatch
  ) throws(ScrlError) {
    let looks = config.healthEvery > 0 && report.step % config.healthEvery == 0
    let outcome = try method.outcome(batch, config, looks: looks, pass, &watch)
    guard (outcome.loss + outcome.probeLoss).isFinite else {
      throw ScrlError(
        .diverged,
        "step \(report.step): the loss is \(outcome.loss), the probe's \(outcome.probeLoss)")
    }
    (report.loss, report.probeLoss) = (outcome.loss, outcome.probeLoss)
    (report.accuracy, report.health) = (outcome.accuracy, outcome.health)
  }

  package func update(
    _ report: inout StepReport, gradientNorm: Double
  ) throws(ScrlError) {
    try optimizer.step(rate: report.learningRate)
    try method.followUp(momentum: report.emaMomentum, engine)
  }

  package func finished(_ report: StepReport, batch: Batch) {
    if report.didStep {
      note(report.health, step: report.step)
    } else {
      Log.shared.note(
        "train: step \(report.step) skipped: none of \(batch.images) images gave "
          + (config.method.unit == .labels ? "a label" : "a box"))
    }
  }

  /// A sign of collapse goes to the log when it appears, not at every look.
  private func note(_ health: Health?, step: Int) {
    guard let health else { return }
    defer { toldCollapse = health.collapse }
    guard let sign = health.collapse, sign != toldCollapse else { return }
    Log.shared.note(
      "train: step \(step): a sign of collapse: \(sign.rawValue) (deviation \(health.deviation), "
        + "effective rank \(health.effectiveRank), cosine of matched \(health.positive), of "
        + "different \(health.negative))")
  }
}

extension Config {
  package func runSettings(batch: Int) -> RunSettings {
    RunSettings(
      batch: batch, checkpointEvery: checkpointEvery, checkpointKeep: checkpointKeep,
      checkpointMinutes: checkpointMinutes)
  }
}
