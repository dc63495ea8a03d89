// Training a detector: Detectron2's recipe, the step in numbered phases. Not here: making batches
// (DetectionBatch), the losses themselves (DetectionNetwork), files (DetectorRun).

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlPretraining
import ScrlNN
import ScrlStore
import ScrlTensor

package struct DetectorStepReport: Sendable {
  package var didStep: Bool  // false: none of the images could be used
  package var step: Int  // steps done, this one included
  package var totalSteps: Int
  package var epoch: Int
  package var losses = DetectionLosses()
  package var learningRate: Double  // as used in this step
  package var gradientNorm = 0.0  // over all weights, before clipping
  package var boxes: Int
  package var skipped: Int  // images left out
  package var seconds = 0.0
  package var waitSeconds = 0.0
}

package final class DetectorTrainer {
  package let detector: Detector
  package let samples: DetectionSamples
  package let schedule: StepSchedule
  package let optimizer: SGD
  package internal(set) var stepsDone = 0

  private let trained: [NamedParameter]
  private var prefetcher: Prefetcher<DetectionRecipe>?

  package init(_ detector: Detector, _ samples: DetectionSamples) throws(ScrlError) {
    let config = detector.config.detect
    guard samples.classCount <= detector.classes.count else {
      throw ScrlError(
        .data,
        "detector: the dataset has \(samples.classCount) classes · expected at most the "
          + "detector's \(detector.classes.count)")
    }
    guard config.kind == .faster || samples.maskCount > 0 else {
      throw ScrlError(
        .data,
        "detector: none of the \(samples.boxCount) boxes has a mask · expected masks, or "
          + "detect.kind faster")
    }
    self.detector = detector
    self.samples = samples
    schedule = try StepSchedule(config, images: samples.images.count)
    trained = detector.network.trained
    optimizer = try SGD(
      trained, momentum: config.momentum, weightDecay: config.weightDecay,
      workers: detector.engine.workers)
  }

  package var config: Config { detector.config }
  package var isDone: Bool { stepsDone >= schedule.totalSteps }

  /// Steps that go over the images about once.
  package var stepsPerEpoch: Int { max(1, samples.images.count / config.detect.batch) }

  /// One step on the dataset's next batch.
  package func step() throws(ScrlError) -> DetectorStepReport {
    guard !isDone else {
      throw ScrlError(.state, "step: all \(schedule.totalSteps) steps are done")
    }
    let start = monotonicSeconds()
    let batch = try nextBatch()
    var report = DetectorStepReport(
      didStep: !batch.targets.isEmpty, step: stepsDone + 1, totalSteps: schedule.totalSteps,
      epoch: batch.epoch, learningRate: schedule.rate(step: stepsDone + 1),
      boxes: batch.boxCount, skipped: batch.unreadable)
    report.waitSeconds = monotonicSeconds() - start
    if report.didStep { try learn(batch, &report) }
    stepsDone += 1
    report.seconds = monotonicSeconds() - start
    return report
  }

  private func nextBatch() throws(ScrlError) -> DetectionBatch {
    if prefetcher?.nextStep != stepsDone {  // a step that failed leaves it at another place
      let recipe = DetectionRecipe(
        samples: samples, config: config, multiple: detector.options.imageMultiple)
      prefetcher = try Prefetcher(
        recipe, threads: config.resolvedLoaderThreads, batches: config.loaderPrefetch,
        firstStep: stepsDone)
    }
    guard let prefetcher else { throw ScrlError(.internal, "step: no loader") }
    do throws(ScrlError) {
      return try prefetcher.nextBatch()
    } catch {
      self.prefetcher = nil  // its threads have stopped
      throw error
    }
  }

  /// The step proper. On an error nothing has changed, running statistics included.
  private func learn(
    _ batch: DetectionBatch, _ report: inout DetectorStepReport
  ) throws(ScrlError) {
    let engine = detector.engine
    let before = try StatisticsSnapshot(detector.state)
    detector.state.clearGradients()
    defer { detector.state.clearGradients() }
    let tape = Tape()
    do throws(ScrlError) {
      // 1. Backbone, pyramid, proposals, heads, and what they should have said.
      report.losses = try detector.network.losses(
        batch.images, sizes: batch.sizes, targets: batch.targets,
        address: (seed: UInt64(config.seed), step: stepsDone),
        Pass(engine: engine, tape: tape, mode: .training))
      guard report.losses.total.isFinite else {
        throw ScrlError(.diverged, "step \(report.step): the losses are \(report.losses)")
      }

      // 2. Gradients, last operation first.
      try tape.backward(engine)
      let norm = try requireFiniteGradients(trained, step: report.step, engine.workers)
        .squareRoot()
      report.gradientNorm = norm

      // 3. Optimiser; a gradient that is too long is shortened.
      let longest = config.detect.clip
      let scale = longest > 0 && norm > longest ? longest / norm : 1
      try optimizer.step(rate: report.learningRate, gradientScale: scale)
    } catch {
      try before.restore()
      throw error
    }
  }
}

extension StepSchedule {
  init(_ config: DetectConfig, images: Int) throws(ScrlError) {
    let (samples, overflow) = images.multipliedReportingOverflow(by: config.epochs)
    guard !overflow else {
      throw ScrlError(.config, "config: detect.epochs \(config.epochs) overflow the step count")
    }
    let total =
      config.steps > 0 ? config.steps : max(1, (samples + config.batch - 1) / config.batch)
    try self.init(
      base: config.scaledRate, warmupSteps: min(config.warmupSteps, total / 10),
      milestones: config.milestones.map { milestone in
        milestone < 1 ? Int((milestone * Double(total)).rounded()) : Int(milestone)
      }, totalSteps: total)
  }
}
