// A trainer with the files around it: metrics, checkpoints, resuming.

import ScrlBase
import ScrlKernels
import ScrlStore

package final class TrainingRun: StoppableRun {
  package let trainer: Trainer
  package let folder: RunFolder?
  private var metrics = Metrics()

  /// - Parameter folder: made when missing; one that already holds a run is refused.
  package init(
    _ config: Config, dataset: DatasetReader?, folder: String?, engine: any Engine
  ) throws(ScrlError) {
    trainer = try Trainer(config, dataset: dataset, engine: engine)
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
    let saved = try SavedTraining(path)
    let config = try saved.config.changed(by: changes, detector: false)
    var reader = dataset
    if reader == nil, let known = saved.datasetPath {
      reader = try DatasetReader(recordedAs: known)
    }
    try saved.check(reader)
    trainer = try Trainer(config, dataset: reader, engine: try makeEngine(config))
    try saved.restore(trainer)
    metrics = saved.metrics
    folder = try claimed.map { claimed throws(ScrlError) in
      try RunFolder(claimed, atStep: saved.step)
    }
    try expectLonger(changes)
  }

  package var config: Config { trainer.config }
  package var stepsDone: Int { trainer.stepsDone }
  package var totalSteps: Int { trainer.schedules.totalSteps }
  package var stepsPerEpoch: Int { trainer.schedules.stepsPerEpoch }

  /// One step on the dataset.
  package func step() throws(ScrlError) -> StepReport { try record(try trainer.step()) }

  /// One step on a host's batch.
  package func step(on batch: Batch) throws(ScrlError) -> StepReport {
    try record(try trainer.step(on: batch))
  }

  package func save(_ path: String) throws(ScrlError) {
    try writeCheckpoint(trainer, metrics, to: path)
  }

  private func record(_ report: StepReport) throws(ScrlError) -> StepReport {
    metrics.append(report)
    try folder?.append(report.jsonLine(batch: trainer.config.batch))
    return report
  }
}
