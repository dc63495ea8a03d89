// A detector in a checkpoint of format 1, at the places of every other one: /model under the
// detector's names, its config, its classes; of a trainer also momentum, step and metrics.
// /training/task tells it from a pretraining run's.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlPretraining
import ScrlNN
import ScrlStore

private typealias Place = CheckpointPlace
private let annotations = "/training/annotation_fingerprint"

extension Detector {
  package func save(_ path: String) throws(ScrlError) {
    let writer = try CheckpointWriter(path: path, libraryVersion: libraryVersion)
    try write(to: writer)
    try writer.finish()
  }

  fileprivate func write(to writer: CheckpointWriter) throws(ScrlError) {
    try writer.write(Place.model, state.state.map { ($0.name, $0.tensor) })
    try writer.write(config, detector: true)
    try writer.write(Place.task, attribute: "detector")
    try classes.write(to: writer)
  }

  /// The detector of a checkpoint: a file, or a run folder's newest whole one.
  package static func load(
    _ path: String, makeEngine: (Config) throws(ScrlError) -> any Engine
  ) throws(ScrlError) -> Detector {
    try load(try newest(path), makeEngine: makeEngine)
  }

  static func newest(_ path: String) throws(ScrlError) -> CheckpointReader {
    let (reader, skipped) = try CheckpointFolder.newestWhole(path)
    for (passed, reason) in skipped {
      Log.shared.note("load: \(passed) passed over: \(reason)")
    }
    return reader
  }

  fileprivate static func load(
    _ reader: CheckpointReader, _ changes: ConfigChanges = [],
    makeEngine: (Config) throws(ScrlError) -> any Engine
  ) throws(ScrlError) -> Detector {
    guard reader.has(Place.task) else {
      throw ScrlError(
        .format, "load \(reader.path): holds no detector · expected a detector's checkpoint")
    }
    let config = try reader.config().changed(by: changes, detector: true)
    let detector = try Detector(
      config, try DetectorClasses(reader), WeightSource(zeros: try makeEngine(config)))
    try reader.fill(Place.model, detector.state.state.map { ($0.name, $0.tensor) })
    return detector
  }
}

func writeCheckpoint(
  _ trainer: DetectorTrainer, _ metrics: Metrics, to path: String
) throws(ScrlError) {
  let writer = try CheckpointWriter(path: path, libraryVersion: libraryVersion)
  let (detector, dataset) = (trainer.detector, trainer.samples.dataset)
  try detector.write(to: writer)
  try writer.write(Place.momentum, trainer.optimizer.buffers.map { ($0.name, $0) })
  try writer.write(Place.step, integer: Int64(trainer.stepsDone))
  try writer.write(Place.threads, integer: Int64(detector.engine.workers.count))
  let algorithms = detector.engine.algorithmChoices
  if !algorithms.isEmpty { try writer.write(Place.algorithms, text: algorithms) }
  try writer.write(Place.datasetPath, attribute: dataset.absolutePath)
  try writer.write(Place.fingerprint, integer: Int64(bitPattern: dataset.fingerprint))
  try writer.write(annotations, integer: Int64(bitPattern: trainer.samples.fingerprint))
  try writer.writeTable(
    Place.metrics, columns: DetectorStepReport.columns, rows: metrics.rows)
  try writer.finish()
}

/// A detector's checkpoint that training can go on from.
struct SavedDetector {
  let step: Int
  let metrics: Metrics
  private let reader: CheckpointReader

  init(_ path: String) throws(ScrlError) {
    reader = try Detector.newest(path)
    guard reader.has(Place.task), reader.has(Place.step) else {
      throw ScrlError(
        .format,
        "resume \(reader.path): holds no training of a detector · expected a detector's run")
    }
    step = Int(try reader.integer(Place.step))
    let (columns, rows) = try reader.table(Place.metrics)
    guard columns == DetectorStepReport.columns, step >= 0 else {
      throw ScrlError(.format, "resume \(reader.path): step \(step), metrics \(columns)")
    }
    metrics = Metrics(rows: rows)
  }

  /// The trainer as it was; the dataset must be the one that the run began with.
  func trainer(
    _ given: DatasetReader?, _ changes: ConfigChanges,
    makeEngine: (Config) throws(ScrlError) -> any Engine
  ) throws(ScrlError) -> DetectorTrainer {
    let dataset: DatasetReader
    if let given {
      dataset = given
    } else {
      dataset = try DatasetReader(recordedAs: try reader.attributeText(Place.datasetPath))
    }
    let samples = try DetectionSamples(dataset, empty: try reader.config().detect.empty)
    try DetectorClasses(reader).checkNames(of: dataset)
    guard try integer(Place.fingerprint) == dataset.fingerprint,
      try integer(annotations) == samples.fingerprint
    else {
      throw ScrlError(
        .data,
        "resume: \(dataset.path) is not the dataset, with its boxes, that the run began with")
    }
    let trainer = try DetectorTrainer(
      try Detector.load(reader, changes, makeEngine: makeEngine), samples)
    try reader.fill(Place.momentum, trainer.optimizer.buffers.map { ($0.name, $0) })
    if reader.has(Place.algorithms) {
      try trainer.detector.engine.restoreAlgorithms(try reader.text(Place.algorithms))
    }
    trainer.stepsDone = step
    return trainer
  }

  private func integer(_ place: String) throws(ScrlError) -> UInt64 {
    UInt64(bitPattern: try reader.integer(place))
  }
}
