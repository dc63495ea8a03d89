// Pretraining: paper section 3; the step in numbered phases, of which 1 to 3 are the method's own
// (Objectives). Not here: making views (Loader), files (RunFolder, TrainingCheckpoint).

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlStore
import ScrlTensor

package struct StepReport: Sendable {
  package var didStep: Bool
  package var step: Int  // steps done, this one included
  package var totalSteps: Int
  package var epoch: Int
  package var loss: Double  // mean over box pairs, in [0, 8]; supervised: cross entropy
  package var learningRate: Double  // as used in this step
  package var emaMomentum: Double
  package var boxes: Int  // pairs in the loss: boxes, or whole images
  package var skipped: Int  // images left out
  package var stepsSkipped: Int  // of the run so far: nothing to learn from in their batch
  package var probeLoss: Double  // cross entropy of the online probe; 0 without one
  package var accuracy: Double  // of probe or classifier on this step's views; NaN without labels
  package var seconds: Double
  package var waitSeconds: Double
  package var health: Health?  // nil: this step did not look
}

package final class Trainer {
  package let config: Config
  package let dataset: DatasetReader?
  package let schedules: Schedules
  package let state: ModuleContents  // every weight and statistic, full names
  package let optimizer: LARS
  package internal(set) var stepsDone = 0
  package internal(set) var stepsSkipped = 0
  package private(set) var profile = StepProfile()
  private var toldCollapse: Collapse?  // the log has it already

  package let engine: any Engine
  private let networks: Networks
  private let trained: ModuleContents  // what the optimiser moves
  private var loader: Loader?

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
    config = try asked.withClasses(of: dataset)
    self.dataset = dataset
    self.engine = engine
    schedules = try Schedules(config, samples: dataset?.count)
    networks = try Networks(config, engine: engine)
    state = networks.contents
    trained = networks.trained
    optimizer = try LARS(
      trained.parameters,
      try LARSOptions(
        momentum: config.momentum, weightDecay: config.weightDecay, quirks: config.quirks,
        adapts: config.method != .supervised), workers: engine.workers)
    try trained.reserveGradients()
  }

  package var isDone: Bool { stepsDone >= schedules.totalSteps }

  /// One step on the dataset's next batch.
  package func step() throws(ScrlError) -> StepReport {
    guard let dataset else {
      throw ScrlError(.state, "step: the trainer has no dataset · expected step_on")
    }
    guard !isDone else {
      throw ScrlError(.state, "step: all \(schedules.totalSteps) steps are done")
    }
    let start = monotonicSeconds()
    return try step(on: try nextBatch(dataset), startedAt: start)
  }

  /// One step on a given batch.
  package func step(
    on batch: Batch, startedAt start: Double = monotonicSeconds()
  ) throws(ScrlError) -> StepReport {
    var watch = StepWatch(startedAt: start)
    watch.lap(\.wait)
    try config.check(batch)
    let pairs = config.pairs(in: batch)
    var report = StepReport(
      didStep: pairs.count > 0, step: stepsDone + 1, totalSteps: schedules.totalSteps,
      epoch: batch.epoch, loss: 0, learningRate: schedules.rate.rate(step: stepsDone + 1),
      emaMomentum: schedules.ema.momentum(step: stepsDone), boxes: pairs.count,
      skipped: batch.unreadable + pairs.imagesWithout, stepsSkipped: stepsSkipped, probeLoss: 0,
      accuracy: .nan, seconds: 0, waitSeconds: watch.profile.wait)

    if report.didStep {
      let outcome = try learn(batch, report, &watch)
      report.loss = outcome.loss
      report.probeLoss = outcome.probeLoss
      report.accuracy = outcome.accuracy
      report.health = outcome.health
      tell(outcome.health, step: report.step)
    } else {
      stepsSkipped += 1
      report.stepsSkipped = stepsSkipped
      Log.shared.note(
        "train: step \(report.step) skipped: none of \(batch.images) images gave "
          + (config.method == .supervised ? "a label" : "a box"))
    }
    stepsDone += 1
    watch.finish()
    profile = watch.profile
    report.seconds = profile.total
    return report
  }

  /// A sign of collapse goes to the log when it appears, not at every look.
  private func tell(_ health: Health?, step: Int) {
    guard let health else { return }
    defer { toldCollapse = health.collapse }
    guard let sign = health.collapse, sign != toldCollapse else { return }
    Log.shared.note(
      "train: step \(step): a sign of collapse: \(sign.rawValue) (deviation \(health.deviation), "
        + "effective rank \(health.effectiveRank), cosine of matched \(health.positive), of "
        + "different \(health.negative))")
  }

  private func nextBatch(_ dataset: DatasetReader) throws(ScrlError) -> Batch {
    // Steps on a host's batches, and steps that failed, leave the loader at another place.
    if loader?.nextStep != stepsDone {
      loader = try Loader(dataset, config, engine: engine, firstStep: stepsDone)
    }
    guard let loader else { throw ScrlError(.internal, "step: no loader") }
    do throws(ScrlError) {
      return try loader.nextBatch()
    } catch {
      self.loader = nil  // its threads have stopped
      throw error
    }
  }

  /// The step proper. On an error nothing has changed, running statistics included.
  private func learn(
    _ batch: Batch, _ report: StepReport, _ watch: inout StepWatch
  ) throws(ScrlError) -> Outcome {
    let before = try StatisticsSnapshot(state)
    trained.clearGradients()
    defer { trained.clearGradients() }
    let tape = Tape()
    let pass = Pass(engine: engine, tape: tape, mode: .training)
    let looks = config.healthEvery > 0 && report.step % config.healthEvery == 0
    do throws(ScrlError) {
      // 1 to 3. Forward passes and the method's loss.
      let outcome: Outcome
      switch networks {
      case .selfDistillation(let networks):
        outcome = try networks.outcome(batch, config, looks: looks, pass, &watch)
      case .classification(let networks):
        outcome = try networks.outcome(batch, config, looks: looks, pass, &watch)
      }
      guard (outcome.loss + outcome.probeLoss).isFinite else {
        throw ScrlError(
          .diverged,
          "step \(report.step): the loss is \(outcome.loss), the probe's \(outcome.probeLoss)")
      }

      // 4. Gradients, last operation first.
      try tape.backward(engine)
      try requireFiniteGradients(trained.parameters, step: report.step, engine.workers)
      watch.lap(\.backward)

      // 5. Optimiser, then target ← m·target + (1 − m)·online, parameters only.
      try optimizer.step(rate: report.learningRate)
      if case .selfDistillation(let networks) = networks {
        try networks.target.contents().follow(
          networks.online.contents(), momentum: report.emaMomentum, engine.workers)
      }
      watch.lap(\.update)
      return outcome
    } catch {
      try before.restore()
      throw error
    }
  }
}
