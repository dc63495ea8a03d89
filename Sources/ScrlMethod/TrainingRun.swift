// A trainer with the files around it: metrics, checkpoints, resuming.

import ScrlBase
import ScrlKernels
import ScrlStore

package final class TrainingRun: StoppableRun {
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

  package var stepsDone: Int { trainer.stepsDone }
  package var totalSteps: Int { trainer.schedules.totalSteps }
  package var checkpointInterval: Int {
    trainer.config.checkpointEvery > 0
      ? trainer.config.checkpointEvery : trainer.schedules.stepsPerEpoch
  }

  /// One step on the dataset.
  package func step() throws(ScrlError) -> StepReport { try record(try trainer.step()) }

  /// One step on a host's batch.
  package func step(on batch: Batch) throws(ScrlError) -> StepReport {
    try record(try trainer.step(on: batch))
  }

  package func save(_ path: String) throws(ScrlError) {
    try writeCheckpoint(trainer, metrics, to: path)
  }

  package func saveToFolder() throws(ScrlError) {
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
