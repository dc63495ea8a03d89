// A detector in a checkpoint of format 1, at the places of every other one: /model under the
// detector's names, its config, its classes; of a trainer also momentum, step and metrics.
// /training/task tells it from a pretraining run's.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlPretraining
import ScrlNN
import ScrlStore
import ScrlTraining

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
    try load(try newestCheckpoint(path, for: "load"), makeEngine: makeEngine)
  }

  private static func load(
    _ reader: CheckpointReader, makeEngine: (Config) throws(ScrlError) -> any Engine
  ) throws(ScrlError) -> Detector {
    let detector = try unfilled(reader, makeEngine: makeEngine)
    try reader.fill(Place.model, detector.state.state.map { ($0.name, $0.tensor) })
    return detector
  }

  /// The detector that a checkpoint describes, without its weights.
  fileprivate static func unfilled(
    _ reader: CheckpointReader, _ changes: ConfigChanges = [],
    makeEngine: (Config) throws(ScrlError) -> any Engine
  ) throws(ScrlError) -> Detector {
    guard reader.has(Place.task) else {
      throw ScrlError(
        .format, "load \(reader.path): holds no detector · expected a detector's checkpoint")
    }
    let config = try reader.config().changed(by: changes, detector: true)
    return try Detector(
      config, try DetectorClasses(reader), WeightSource(zeros: try makeEngine(config)))
  }
}

extension DetectorTraining {
  package func writeModel(to writer: CheckpointWriter) throws(ScrlError) {
    try detector.write(to: writer)
  }

  package func writeProgress(
    step: Int, skipped: Int, to writer: CheckpointWriter
  ) throws(ScrlError) {
    if skipped > 0 { try writer.write(Place.stepsSkipped, integer: Int64(skipped)) }
  }

  package func writeDataset(to writer: CheckpointWriter) throws(ScrlError) {
    try writer.write(annotations, integer: Int64(bitPattern: samples.fingerprint))
  }

  package static func requireKind(_ reader: CheckpointReader) throws(ScrlError) {
    guard reader.has(Place.task), reader.has(Place.step) else {
      throw ScrlError(
        .format,
        "resume \(reader.path): holds no training of a detector · expected a detector's run")
    }
  }
}

extension Trainer where Task == DetectorTraining {
  /// - Parameters:
  ///   - weights: a checkpoint to start from, a pretrained backbone's or a detector's; nil: fresh.
  ///   - folder: made when missing; one that already holds a run is refused.
  package convenience init(
    _ asked: Config, dataset: DatasetReader, weights: String?, folder: String?,
    engine: any Engine
  ) throws(ScrlError) {
    try asked.check()
    let samples = try DetectionSamples(dataset, empty: asked.detect.empty)
    samples.tellLeftOut()
    var config = asked
    if config.detect.classes == 0 { config.detect.classes = samples.classCount }
    let detector = try Detector(
      config,
      DetectorClasses(
        count: config.detect.classes, names: dataset.classes, ids: dataset.classIDs),
      engine: engine)
    if let weights { try detector.takeWeights(weights) }
    try self.init(DetectorTraining(detector, samples), folder: folder)
  }

  /// The dataset, with its boxes, must be the one that the run began with.
  /// - Parameter changes: what the run goes on with instead; only keys that may change.
  package convenience init(
    resuming path: String, dataset given: DatasetReader?, changes: ConfigChanges = [],
    makeEngine: (Config) throws(ScrlError) -> any Engine
  ) throws(ScrlError) {
    try self.init(resuming: path) { saved throws(ScrlError) in
      let reader = saved.reader
      guard let dataset = try saved.dataset(given) else {
        throw ScrlError(.format, "resume \(reader.path): tells no dataset · expected its path")
      }
      let samples = try DetectionSamples(dataset, empty: try reader.config().detect.empty)
      try DetectorClasses(reader).checkNames(of: dataset)
      guard try saved.fingerprint(Place.fingerprint) == dataset.fingerprint,
        try saved.fingerprint(annotations) == samples.fingerprint
      else {
        throw ScrlError(
          .data,
          "resume: \(dataset.path) is not the dataset, with its boxes, that the run began with")
      }
      return try DetectorTraining(
        try Detector.unfilled(reader, changes, makeEngine: makeEngine), samples)
    }
    try requireLonger(than: changes.map(\.key))
  }
}
