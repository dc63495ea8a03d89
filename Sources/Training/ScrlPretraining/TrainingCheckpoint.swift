// What a checkpoint means: /model, /optimizer/momentum, /training and /metrics of format 1.
// Keys that only say how fast or where (threads, loader.*, checkpoint.*) stay out of the config
// dataset: equal training gives equal datasets, whatever the machine. /training/algorithms is there
// when the engine chose some by time: computed otherwise, the training would not be equal.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlStore

private typealias Place = CheckpointPlace

/// Saves a trainer, whole or not at all.
func writeCheckpoint(
  _ trainer: Trainer, _ metrics: Metrics, to path: String
) throws(ScrlError) {
  let writer = try CheckpointWriter(path: path, libraryVersion: libraryVersion)
  try writer.write(Place.model, trainer.state.state.map { ($0.name, $0.tensor) })
  try writer.write(Place.momentum, trainer.optimizer.buffers.map { ($0.name, $0) })
  try writer.write(trainer.config)
  try writer.write(Place.step, integer: Int64(trainer.stepsDone))
  try writer.write(Place.stepsSkipped, integer: Int64(trainer.stepsSkipped))
  try writer.write(
    Place.epoch, integer: Int64(trainer.stepsDone / trainer.schedules.stepsPerEpoch))
  try writer.write(Place.threads, integer: Int64(trainer.engine.workers.count))
  try writer.write(Place.ranks, integer: 1)
  let algorithms = trainer.engine.algorithmChoices
  if !algorithms.isEmpty { try writer.write(Place.algorithms, text: algorithms) }
  if let dataset = trainer.dataset {
    try writer.write(Place.datasetPath, attribute: dataset.absolutePath)
    try writer.write(
      Place.fingerprint, integer: Int64(bitPattern: dataset.fingerprint))
    if trainer.config.usesLabels {
      try writer.write(
        Place.labels, integer: Int64(bitPattern: dataset.labelFingerprint))
      let names = dataset.classes.map { nameLine($0) + "\n" }.joined()
      if names.utf8.count <= 1 << 20 { try writer.write(Place.classNames, text: names) }
    }
  }
  try writer.writeTable(Place.metrics, columns: Metrics.columns, rows: metrics.rows)
  try writer.finish()
}

/// A checkpoint that training can go on from.
struct SavedTraining {
  let config: Config
  let step: Int
  let stepsSkipped: Int
  let metrics: Metrics
  private let reader: CheckpointReader

  init(_ path: String) throws(ScrlError) {
    let (reader, skipped) = try CheckpointFolder.newestWhole(path)
    for (passed, reason) in skipped {
      Log.shared.note("resume: \(passed) passed over: \(reason)")
    }
    guard !reader.has(Place.task) else {
      throw ScrlError(
        .format,
        "resume \(reader.path): holds the training of a detector · expected pretraining's; a "
          + "detector has a resume of its own")
    }
    guard reader.has(Place.step), !(try reader.floats(under: Place.momentum)).isEmpty else {
      throw ScrlError(
        .format, "resume \(reader.path): holds a model only · expected a trainer's checkpoint")
    }
    self.reader = reader
    config = try reader.config()
    step = Int(try reader.integer(Place.step))
    stepsSkipped = Int(try reader.integer(Place.stepsSkipped))
    let (columns, rows) = try reader.table(Place.metrics)
    guard columns == Metrics.columns, step >= 0 else {
      throw ScrlError(.format, "resume \(reader.path): step \(step), metrics \(columns)")
    }
    metrics = Metrics(rows: rows)
  }

  var datasetPath: String? { try? reader.attributeText(Place.datasetPath) }

  /// The dataset must be the one that the run began with.
  func check(_ dataset: DatasetReader?) throws(ScrlError) {
    guard let dataset, reader.has(Place.fingerprint) else { return }
    let expected = UInt64(bitPattern: try reader.integer(Place.fingerprint))
    guard dataset.fingerprint == expected else {
      throw ScrlError(
        .data,
        "resume: \(dataset.path) is not the dataset that the run began with, "
          + "\(datasetPath ?? "of an unknown place")")
    }
    guard config.usesLabels, reader.has(Place.labels) else { return }
    if reader.has(Place.classNames) {
      let names = try reader.text(Place.classNames)
        .split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
      try checkNames(names, of: dataset)
    }
    guard try reader.integer(Place.labels) == Int64(bitPattern: dataset.labelFingerprint) else {
      throw ScrlError(
        .data,
        "resume: \(dataset.path) gives its images other classes than when the run began")
    }
  }

  func restore(_ trainer: Trainer) throws(ScrlError) {
    try reader.fill(Place.model, trainer.state.state.map { ($0.name, $0.tensor) })
    try reader.fill(Place.momentum, trainer.optimizer.buffers.map { ($0.name, $0) })
    if reader.has(Place.algorithms) {
      do throws(ScrlError) {
        try trainer.engine.restoreAlgorithms(try reader.text(Place.algorithms))
      } catch {
        throw ScrlError(error.code, "read \(reader.path): \(Place.algorithms): \(error.message)")
      }
    }
    trainer.stepsDone = step
    trainer.stepsSkipped = stepsSkipped
  }
}

extension Backbone {
  /// The online backbone of a checkpoint: a file, or a run folder's newest whole one.
  package static func load(
    _ path: String, makeEngine: (Config) throws(ScrlError) -> any Engine
  ) throws(ScrlError) -> Backbone {
    let (reader, skipped) = try CheckpointFolder.newestWhole(path)
    for (passed, reason) in skipped {
      Log.shared.note("load: \(passed) passed over: \(reason)")
    }
    let config = try reader.config()
    let backbone = try Backbone(config, WeightSource(zeros: try makeEngine(config)))
    try reader.fill(Place.model, backbone.state.map { ($0.name, $0.tensor) })
    return backbone
  }

  package func save(_ path: String) throws(ScrlError) {
    let writer = try CheckpointWriter(path: path, libraryVersion: libraryVersion)
    try writer.write(Place.model, state.map { ($0.name, $0.tensor) })
    try writer.write(config)
    try writer.finish()
  }
}
