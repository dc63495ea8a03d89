// The weights that a detector's training starts from: a pretrained backbone's, or another detector's.
// What another detector knows of a class goes by the class's name: its predictors' rows.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlPretraining
import ScrlNN
import ScrlStore
import ScrlTraining

private typealias Place = CheckpointPlace

extension Detector {
  /// Takes weights over where there are some: a pretrained checkpoint's online encoder, or all of a
  /// detector's that have their shapes here, its predictors class by class. What stays fresh is told.
  package func takeWeights(_ path: String) throws(ScrlError) {
    let reader = try newestCheckpoint(path, for: "load")
    let theirs = try reader.config()
    guard (theirs.architecture, theirs.stem) == (config.architecture, config.stem) else {
      throw ScrlError(
        .config,
        "detector: \(reader.path) has model.arch \(theirs.architecture.rawValue), model.stem "
          + "\(theirs.stem.rawValue) · the config has \(config.architecture.rawValue), "
          + "\(config.stem.rawValue)")
    }
    let isDetector = reader.has(Place.task)
    let prefix = isDetector ? "" : "online."
    let known = isDetector ? KnownClasses(classes, try DetectorClasses(reader), reader.path) : nil
    var left: [String] = []
    for entry in state.state {
      let isEncoder = entry.name.hasPrefix("encoder.")
      guard isDetector || isEncoder else { continue }
      if let known, let rows = known.rows(of: entry.name) {
        if try !known.take(rows, entry, reader) { left.append(entry.name) }
        continue
      }
      let place = CheckpointFormat.path(group: Place.model, weight: prefix + entry.name)
      guard reader.has(place), try reader.shape(place) == entry.tensor.plainShape else {
        guard !isEncoder else {
          throw ScrlError(
            .format,
            "detector: \(reader.path) has no \(prefix)\(entry.name) of "
              + "\(entry.tensor.plainShape) · expected all of the backbone")
        }
        left.append(entry.name)
        continue
      }
      try reader.fill(Place.model, [(prefix + entry.name, entry.tensor)])
    }
    if !left.isEmpty {
      Log.shared.note(
        "detector: \(reader.path) lacks \(left.joined(separator: ", ")) of these shapes: fresh")
    }
  }
}

/// Which classes another detector's predictors know.
private struct KnownClasses {
  /// Rows of a class-specific weight: so many a class, and perhaps the background's at the end.
  struct Rows {
    let perClass: Int
    let background: Int
  }

  private let count: Int
  private let theirs: Int
  private let place: [Int: Int]  // of our classes among theirs

  init(_ classes: DetectorClasses, _ other: DetectorClasses, _ path: String) {
    (count, theirs) = (classes.count, other.count)
    let mine = classes.table("the dataset")
    do throws(ScrlError) {
      let mapping = try ClassMapping(other.table(path), mine, for: "detector")
      // Numbers alone are the same classes only where there are as many.
      let isSure = mapping.basis != .numbers || count == theirs
      place = isSure ? mapping.numbers : [:]
      for note in mapping.notes { Log.shared.note("detector: \(note)") }
      if isSure, let note = mapping.unknownNote {
        Log.shared.note("detector: \(note): their predictors are fresh")
      }
    } catch {
      place = [:]
      Log.shared.note("detector: the predictors of all classes are fresh: \(error.message)")
    }
  }

  func rows(of weight: String) -> Rows? {
    if weight.hasPrefix("box_predictor.scores.") { return Rows(perClass: 1, background: 1) }
    if weight.hasPrefix("box_predictor.deltas.") { return Rows(perClass: 4, background: 0) }
    if weight.hasPrefix("mask_head.predictor.") { return Rows(perClass: 1, background: 0) }
    return nil
  }

  /// False where nothing could be taken.
  func take(
    _ rows: Rows, _ entry: NamedState, _ reader: CheckpointReader
  ) throws(ScrlError) -> Bool {
    let path = CheckpointFormat.path(group: Place.model, weight: entry.name)
    let wanted = [theirs * rows.perClass + rows.background] + entry.tensor.plainShape.dropFirst()
    guard !place.isEmpty, reader.has(path), try reader.shape(path) == wanted else { return false }
    let width = wanted.dropFirst().reduce(1, *)
    var source = [Float](repeating: 0, count: wanted[0] * width)
    var target = [Float](repeating: 0, count: entry.tensor.plainCount)
    try source.withUnsafeMutableBufferPointer { buffer throws(ScrlError) in
      try reader.read(path, shape: wanted, into: buffer)
    }
    try target.withUnsafeMutableBufferPointer { buffer throws(ScrlError) in
      try entry.tensor.readPlain(into: buffer)
    }
    func copy(_ from: Int, to: Int, rows: Int) {
      target.replaceSubrange(
        to * width..<(to + rows) * width, with: source[from * width..<(from + rows) * width])
    }
    for (mine, other) in place {
      copy(other * rows.perClass, to: mine * rows.perClass, rows: rows.perClass)
    }
    copy(theirs * rows.perClass, to: count * rows.perClass, rows: rows.background)
    try target.withUnsafeBufferPointer { buffer throws(ScrlError) in
      try entry.tensor.writePlain(from: buffer)
    }
    return true
  }
}
