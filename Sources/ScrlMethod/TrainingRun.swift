// A trainer with the files around it: metrics, checkpoints, resuming.

import ScrlBase
import ScrlKernels
import ScrlStore

package final class TrainingRun {
  package let trainer: Trainer
  private let folder: RunFolder?
  private var metrics = Metrics()

  /// - Parameter folder: made when missing; one that already holds a run is refused.
  package init(
    _ config: Config, dataset: DatasetReader?, folder: String?, engine: any Engine
  ) throws(ScrlError) {
    trainer = try Trainer(config, dataset: dataset, engine: engine)
    self.folder = try folder.map { path throws(ScrlError) in try RunFolder(creating: path) }
  }

  /// - Parameter path: a run folder (its newest whole checkpoint is taken, later metrics are
  ///   cut) or a checkpoint file (nothing is written until the host saves).
  package init(
    resuming path: String, dataset: DatasetReader?,
    makeEngine: (Config) throws(ScrlError) -> any Engine
  ) throws(ScrlError) {
    let saved = try SavedTraining(path)
    let config = saved.config
    var reader = dataset
    if reader == nil, let known = saved.datasetPath { reader = try DatasetReader(path: known) }
    try saved.check(reader)
    trainer = try Trainer(config, dataset: reader, engine: try makeEngine(config))
    try saved.restore(trainer)
    metrics = saved.metrics
    folder = try saved.folder.map { path throws(ScrlError) in
      try RunFolder(resuming: path, atStep: saved.step)
    }
  }

  /// One step on the dataset.
  package func step() throws(ScrlError) -> StepReport { try record(try trainer.step()) }

  /// One step on a host's batch.
  package func step(on batch: Batch) throws(ScrlError) -> StepReport {
    try record(try trainer.step(on: batch))
  }

  /// Trains at most `steps` steps (0: to the end), saves, and says so when it was stopped.
  /// - Parameter onStep: false stops after this step.
  package func run(steps: Int, onStep: (StepReport) -> Bool) throws(ScrlError) {
    let left = max(0, trainer.schedules.totalSteps - trainer.stepsDone)
    let end = trainer.stepsDone + (steps > 0 ? min(steps, left) : left)
    let every =
      trainer.config.checkpointEvery > 0
      ? trainer.config.checkpointEvery : trainer.schedules.stepsPerEpoch
    while trainer.stepsDone < end {
      let report = try step()
      if !onStep(report) {
        try saveToFolder()
        throw ScrlError(.cancelled, "train: stopped by the host after step \(report.step)")
      }
      if trainer.stepsDone % every == 0, trainer.stepsDone < end { try saveToFolder() }
    }
    try saveToFolder()
  }

  package func save(_ path: String) throws(ScrlError) {
    try writeCheckpoint(trainer, metrics, to: path)
  }

  private func saveToFolder() throws(ScrlError) {
    guard let folder else { return }
    try save(folder.checkpointPath(step: trainer.stepsDone))
    try folder.settle(step: trainer.stepsDone, keep: trainer.config.checkpointKeep)
  }

  private func record(_ report: StepReport) throws(ScrlError) -> StepReport {
    metrics.append(report)
    try folder?.append(report.jsonLine(batch: trainer.config.batch))
    return report
  }
}
