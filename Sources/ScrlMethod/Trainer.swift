// Pretraining by SCRL or BYOL: paper section 3; METHOD of the step in numbered phases below.
// Letters: N images, M = 2N views, K boxes per view, D projection length.
// Not here: making views (Loader), files (RunFolder, TrainingCheckpoint).

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
  package var loss: Double  // mean over box pairs, in [0, 8]
  package var learningRate: Double  // as used in this step
  package var emaMomentum: Double
  package var boxes: Int  // pairs in the loss
  package var skipped: Int  // images left out
  package var seconds: Double
  package var waitSeconds: Double
}

package final class Trainer {
  package let config: Config
  package let dataset: DatasetReader?
  package let schedules: Schedules
  package let state: ModuleContents  // every weight and statistic, full names
  package let optimizer: LARS
  package internal(set) var stepsDone = 0
  package private(set) var profile = StepProfile()

  package let engine: any Engine
  private let networks: Networks
  private let roi: RoIAlignOptions
  private var loader: Loader?

  package init(
    _ config: Config, dataset: DatasetReader?, engine: any Engine
  ) throws(ScrlError) {
    try config.check()
    if let dataset, dataset.count < config.batch {
      throw ScrlError(
        .data,
        "train: the dataset has \(dataset.count) images · expected at least train.batch, "
          + "\(config.batch)")
    }
    self.config = config
    self.dataset = dataset
    self.engine = engine
    schedules = try Schedules(config, samples: dataset?.count)
    networks = try Networks(config, engine: engine)
    state = networks.contents()
    roi = try config.roiOptions()
    optimizer = try LARS(
      networks.trained.parameters,
      try LARSOptions(
        momentum: config.momentum, weightDecay: config.weightDecay,
        quirks: config.quirks), workers: engine.workers)
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
    let usesBoxes = config.method == .scrl
    let boxes = usesBoxes ? batch.boxes : nil
    var report = StepReport(
      didStep: false, step: stepsDone + 1, totalSteps: schedules.totalSteps, epoch: batch.epoch,
      loss: 0, learningRate: schedules.rate.rate(step: stepsDone + 1),
      emaMomentum: schedules.ema.momentum(step: stepsDone),
      boxes: usesBoxes ? batch.boxes1.count : batch.images, skipped: batch.skipped, seconds: 0,
      waitSeconds: watch.profile.wait)

    if report.boxes > 0 {
      report.loss = try learn(batch.views, boxes, report, &watch)
      report.didStep = true
    }
    stepsDone += 1
    watch.finish()
    profile = watch.profile
    report.seconds = profile.total
    return report
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
    _ views: Tensor, _ boxes: [RegionBox]?, _ report: StepReport, _ watch: inout StepWatch
  ) throws(ScrlError) -> Double {
    let before = try StatisticsSnapshot(state)
    networks.trained.clearGradients()
    defer { networks.trained.clearGradients() }
    let tape = Tape()
    let online = Pass(engine: engine, tape: tape, mode: .training, recomputes: true)
    let target = Pass(engine: engine, mode: .training)
    do throws(ScrlError) {
      // 1. Online network and predictor on both views: q (2K,D).
      let projected = try networks.online.project(views, boxes: boxes, roi, online)
      let q = try networks.predictor.forward(projected, online)
      watch.lap(\.onlineForward)

      // 2. Target network on the same views and boxes, nothing kept: t (2K,D).
      let t = try networks.target.project(views, boxes: boxes, roi, target).value
      watch.lap(\.targetForward)

      // 3. Loss: mean over boxes of (2 − 2 q₁·t₂) + (2 − 2 q₂·t₁), paper equation (3).
      let loss = try online.cosineRegressionLoss(q, target: t)
      guard loss.isFinite else {
        throw ScrlError(.diverged, "step \(report.step): the loss is \(loss)")
      }

      // 4. Gradients, last operation first.
      try tape.backward(engine)
      try requireFiniteGradients(step: report.step)
      watch.lap(\.backward)

      // 5. Optimiser, then target ← m·target + (1 − m)·online, parameters only.
      try optimizer.step(rate: report.learningRate)
      try networks.target.contents().follow(
        networks.online.contents(), momentum: report.emaMomentum, engine.workers)
      watch.lap(\.update)
      return loss
    } catch {
      try before.restore()
      throw error
    }
  }
}

extension Trainer {
  /// A finite loss can have an infinite gradient; it must not reach the weights.
  private func requireFiniteGradients(step: Int) throws(ScrlError) {
    for entry in networks.trained.parameters {
      guard let gradient = entry.parameter.gradient else { continue }
      guard try squaredNorm(gradient.buffer, engine.workers).isFinite else {
        throw ScrlError(.diverged, "step \(step): the gradient of \(entry.name) is not finite")
      }
    }
  }
}

/// BatchNorm's running statistics as they were, to go back to when a step fails.
private struct StatisticsSnapshot {
  private let saved: [(RunningStatistic, Tensor)]

  init(_ state: ModuleContents) throws(ScrlError) {
    var saved: [(RunningStatistic, Tensor)] = []
    for entry in state.state {
      guard let statistic = entry.tensor as? RunningStatistic else { continue }
      saved.append((statistic, try statistic.value.copied()))
    }
    self.saved = saved
  }

  func restore() throws(ScrlError) {
    for (statistic, values) in saved { try statistic.assign(plain: values) }
  }
}
