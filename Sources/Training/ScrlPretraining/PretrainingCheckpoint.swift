// What a checkpoint keeps of pretraining beside what every training keeps, and going on from it.

import ScrlBase
import ScrlKernels
import ScrlStore
import ScrlTraining

private typealias Place = CheckpointPlace

extension Pretraining {
  package func writeModel(to writer: CheckpointWriter) throws(ScrlError) {
    try writer.write(Place.model, state.state.map { ($0.name, $0.tensor) })
  }

  package func writeProgress(
    step: Int, skipped: Int, to writer: CheckpointWriter
  ) throws(ScrlError) {
    try writer.write(config)
    try writer.write(Place.stepsSkipped, integer: Int64(skipped))
    try writer.write(Place.epoch, integer: Int64(step / stepsPerEpoch))
    try writer.write(Place.ranks, integer: 1)
  }

  package func writeDataset(to writer: CheckpointWriter) throws(ScrlError) {
    guard let dataset, config.usesLabels else { return }
    try writer.write(
      Place.labels, integer: Int64(bitPattern: dataset.labelFingerprint))
    let names = dataset.classes.map { nameLine($0) + "\n" }.joined()
    if names.utf8.count <= 1 << 20 { try writer.write(Place.classNames, text: names) }
  }

  package static func requireKind(_ reader: CheckpointReader) throws(ScrlError) {
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
  }
}

extension Trainer where Task == Pretraining {
  /// - Parameter folder: made when missing; one that already holds a run is refused.
  package convenience init(
    _ config: Config, dataset: DatasetReader?, folder: String?, engine: any Engine
  ) throws(ScrlError) {
    try self.init(Pretraining(config, dataset: dataset, engine: engine), folder: folder)
  }

  /// - Parameter changes: what the run goes on with instead; only keys that may change.
  package convenience init(
    resuming path: String, dataset: DatasetReader?, changes: ConfigChanges = [],
    makeEngine: (Config) throws(ScrlError) -> any Engine
  ) throws(ScrlError) {
    try self.init(resuming: path) { saved throws(ScrlError) in
      let config = try saved.reader.config().changed(by: changes, detector: false)
      let reader = try saved.dataset(dataset)
      try saved.check(reader, labels: config.usesLabels)
      return try Pretraining(config, dataset: reader, engine: try makeEngine(config))
    }
    try requireLonger(than: changes.map(\.key))
  }
}

extension SavedRun {
  /// The dataset must be the one that the run began with.
  fileprivate func check(_ dataset: DatasetReader?, labels: Bool) throws(ScrlError) {
    guard let dataset, let expected = try fingerprint(Place.fingerprint) else { return }
    guard dataset.fingerprint == expected else {
      throw ScrlError(
        .data,
        "resume: \(dataset.path) is not the dataset that the run began with, "
          + "\(datasetPath ?? "of an unknown place")")
    }
    guard labels, let expected = try fingerprint(Place.labels) else { return }
    if reader.has(Place.classNames) {
      let names = try reader.text(Place.classNames)
        .split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
      try checkNames(names, of: dataset)
    }
    guard dataset.labelFingerprint == expected else {
      throw ScrlError(
        .data,
        "resume: \(dataset.path) gives its images other classes than when the run began")
    }
  }
}
