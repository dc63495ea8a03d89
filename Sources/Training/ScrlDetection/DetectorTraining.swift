// The training of a detector as a task: Detectron2's recipe. Not here: making batches
// (DetectionBatch), the losses themselves (DetectionNetwork).

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlPretraining
import ScrlStore
import ScrlTensor
import ScrlTraining

package final class DetectorTraining: TrainingTask {
  package let detector: Detector
  package let samples: DetectionSamples
  package let schedule: StepSchedule
  package let trained: [NamedParameter]
  package let optimizer: SGD
  private let batches: BatchSource<DetectionRecipe>

  package init(_ detector: Detector, _ samples: DetectionSamples) throws(ScrlError) {
    let config = detector.config
    guard samples.classCount <= detector.classes.count else {
      throw ScrlError(
        .data,
        "detector: the dataset has \(samples.classCount) classes · expected at most the "
          + "detector's \(detector.classes.count)")
    }
    guard config.detect.kind == .faster || samples.maskCount > 0 else {
      throw ScrlError(
        .data,
        "detector: none of the \(samples.boxCount) boxes has a mask · expected masks, or "
          + "detect.kind faster")
    }
    self.detector = detector
    self.samples = samples
    schedule = try StepSchedule(config.detect, images: samples.images.count)
    trained = detector.network.trained
    optimizer = try SGD(
      trained, momentum: config.detect.momentum, weightDecay: config.detect.weightDecay,
      workers: detector.engine.workers)
    batches = BatchSource(
      DetectionRecipe(
        samples: samples, config: config, multiple: detector.options.imageMultiple),
      threads: config.resolvedLoaderThreads, batches: config.loaderPrefetch)
  }

  package var config: Config { detector.config }
  package var engine: any Engine { detector.engine }
  package var settings: RunSettings { config.runSettings(batch: config.detect.batch) }
  package var totalSteps: Int { schedule.totalSteps }
  /// Steps that go over the images about once.
  package var stepsPerEpoch: Int { max(1, samples.images.count / config.detect.batch) }
  package var dataset: DatasetReader? { samples.dataset }
  package var state: ModuleContents { detector.state }
  package var momentum: [MomentumBuffer] { optimizer.buffers }

  package func batch(step: Int) throws(ScrlError) -> DetectionBatch {
    try batches.batch(step: step)
  }

  package func report(
    on batch: DetectionBatch, step: Int
  ) throws(ScrlError) -> DetectorStepReport {
    DetectorStepReport(
      didStep: !batch.targets.isEmpty, step: step, totalSteps: totalSteps, epoch: batch.epoch,
      learningRate: schedule.rate(step: step), boxes: batch.boxCount, skipped: batch.unreadable)
  }

  /// Backbone, pyramid, proposals, heads, and what they should have said.
  package func lose(
    on batch: DetectionBatch, _ report: inout DetectorStepReport, _ pass: Pass,
    _ watch: inout StepWatch
  ) throws(ScrlError) {
    report.losses = try detector.network.losses(
      batch.images, sizes: batch.sizes, targets: batch.targets,
      address: (seed: UInt64(config.seed), step: report.step - 1), pass)
    guard report.losses.total.isFinite else {
      throw ScrlError(.diverged, "step \(report.step): the losses are \(report.losses)")
    }
    watch.lap(\.onlineForward)
  }

  /// A gradient that is too long is shortened.
  package func update(
    _ report: inout DetectorStepReport, gradientNorm: Double
  ) throws(ScrlError) {
    report.gradientNorm = gradientNorm
    let longest = config.detect.clip
    let scale = longest > 0 && gradientNorm > longest ? longest / gradientNorm : 1
    try optimizer.step(rate: report.learningRate, gradientScale: scale)
  }

  package func finished(_ report: DetectorStepReport, batch: DetectionBatch) {
    guard !report.didStep else { return }
    Log.shared.note(
      "train: step \(report.step) skipped: none of \(batch.unreadable) images could be used")
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
