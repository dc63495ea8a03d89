// What the checkpoint of a training keeps, whatever the task: /model, /optimizer/momentum, /training
// and /metrics of format 1. /training/algorithms is there when the engine chose some by time:
// computed otherwise, the training would not be equal.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlStore

private typealias Place = CheckpointPlace

extension Trainer {
  /// Saves the training, whole or not at all.
  package func save(_ path: String) throws(ScrlError) {
    let writer = try CheckpointWriter(path: path, libraryVersion: libraryVersion)
    try task.writeModel(to: writer)
    try writer.write(Place.momentum, task.momentum.map { ($0.name, $0) })
    try task.writeProgress(step: stepsDone, skipped: stepsSkipped, to: writer)
    try writer.write(Place.step, integer: Int64(stepsDone))
    try writer.write(Place.threads, integer: Int64(task.engine.workers.count))
    let algorithms = task.engine.algorithmChoices
    if !algorithms.isEmpty { try writer.write(Place.algorithms, text: algorithms) }
    if let dataset = task.dataset {
      try writer.write(Place.datasetPath, attribute: dataset.absolutePath)
      try writer.write(Place.fingerprint, integer: Int64(bitPattern: dataset.fingerprint))
      try task.writeDataset(to: writer)
    }
    try writer.writeTable(Place.metrics, columns: Task.Report.columns, rows: metrics.rows)
    try writer.finish()
  }
}

/// A checkpoint that training can go on from.
package struct SavedRun {
  package let reader: CheckpointReader
  package let step: Int
  package let stepsSkipped: Int
  let metrics: Metrics

  init<Task: TrainingTask>(_ path: String, of task: Task.Type) throws(ScrlError) {
    reader = try newestCheckpoint(path, for: "resume")
    try Task.requireKind(reader)
    step = Int(try reader.integer(Place.step))
    stepsSkipped =
      reader.has(Place.stepsSkipped) ? Int(try reader.integer(Place.stepsSkipped)) : 0
    let (columns, rows) = try reader.table(Place.metrics)
    guard columns == Task.Report.columns, step >= 0 else {
      throw ScrlError(.format, "resume \(reader.path): step \(step), metrics \(columns)")
    }
    metrics = Metrics(rows: rows)
  }

  package var datasetPath: String? { try? reader.attributeText(Place.datasetPath) }

  /// The dataset that a host gives, or the one that the run began with; nil: it had none.
  package func dataset(_ given: DatasetReader?) throws(ScrlError) -> DatasetReader? {
    if let given { return given }
    return try datasetPath.map { path throws(ScrlError) in try DatasetReader(recordedAs: path) }
  }

  /// A fingerprint of the dataset; nil: the run had none.
  package func fingerprint(_ place: String) throws(ScrlError) -> UInt64? {
    reader.has(place) ? UInt64(bitPattern: try reader.integer(place)) : nil
  }

  func restore(_ task: some TrainingTask) throws(ScrlError) {
    try reader.fill(Place.model, task.state.state.map { ($0.name, $0.tensor) })
    try reader.fill(Place.momentum, task.momentum.map { ($0.name, $0) })
    guard reader.has(Place.algorithms) else { return }
    do throws(ScrlError) {
      try task.engine.restoreAlgorithms(try reader.text(Place.algorithms))
    } catch {
      throw ScrlError(error.code, "read \(reader.path): \(Place.algorithms): \(error.message)")
    }
  }
}

/// A checkpoint file, or a run folder's newest whole one; the log tells what was passed over.
package func newestCheckpoint(
  _ path: String, for operation: String
) throws(ScrlError) -> CheckpointReader {
  let (reader, skipped) = try CheckpointFolder.newestWhole(path)
  for (passed, reason) in skipped {
    Log.shared.note("\(operation): \(passed) passed over: \(reason)")
  }
  return reader
}

extension DatasetReader {
  /// The dataset of a run, from where its checkpoint says that it was.
  package convenience init(recordedAs path: String) throws(ScrlError) {
    do throws(ScrlError) {
      try self.init(path: path)
    } catch {
      throw ScrlError(
        error.code,
        "resume: the run's dataset: \(error.message) · expected it there, or to be told where it "
          + "is now: --data PATH, or the dataset argument of resume")
    }
  }
}
