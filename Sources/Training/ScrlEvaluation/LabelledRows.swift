// Which images, boxes or feature rows take part, under which class, and which are held out.

import ScrlBase
import ScrlStore
import ScrlTensor

/// One image of a dataset, or one row of a feature matrix.
struct LabelledRow: Equatable {
  let index: Int  // in its dataset or matrix
  var label: Int  // 0..<classes; −1: a class that train lacks
}

struct LabelledRows {
  let train: [LabelledRow]
  let test: [LabelledRow]
  let classes: Int
  let unlabelled: Int

  /// - Parameters:
  ///   - train: a class per row, −1: none.
  ///   - test: nil: a fifth of train is held out.
  ///   - limits: at most so many rows of each, drawn by the seed; nil: all.
  init(
    train: [Int], test: [Int]?, seed: UInt64,
    limits: (train: Int?, test: Int?) = (nil, nil), for operation: String
  ) throws(ScrlError) {
    func labelled(_ labels: [Int]) -> [LabelledRow] {
      labels.indices.filter { labels[$0] >= 0 }.map { LabelledRow(index: $0, label: labels[$0]) }
    }
    let rows = labelled(train)
    guard !rows.isEmpty else {
      throw ScrlError(
        .data, "\(operation): none of \(train.count) train images has a label · expected labels")
    }
    let parts = test.map { (rows, labelled($0)) } ?? LabelledRows.heldOut(rows, seed: seed)
    let learnt = drawn(parts.0.count, limit: limits.train, seed: seed).map { parts.0[$0] }
    let tested = drawn(parts.1.count, limit: limits.test, seed: seed).map { parts.1[$0] }
    let known = Set(learnt.map(\.label)).sorted()
    guard known.count > 1 else {
      throw ScrlError(
        .data,
        "\(operation): all train labels are \(known.first ?? -1) · expected two classes or more")
    }
    guard !tested.isEmpty else {
      throw ScrlError(
        .data, "\(operation): no labelled image to test on · expected one, or 5 to hold one out")
    }
    // Classes are numbered as they occur: labels may be sparse and large.
    var numbers: [Int: Int] = [:]
    for (number, label) in known.enumerated() { numbers[label] = number }
    func numbered(_ rows: [LabelledRow]) -> [LabelledRow] {
      rows.map { LabelledRow(index: $0.index, label: numbers[$0.label] ?? -1) }
    }
    (self.train, self.test, classes) = (numbered(learnt), numbered(tested), known.count)
    unlabelled =
      train.count - rows.count + (test.map { $0.count - labelled($0).count } ?? 0)
  }

  /// The share of the test rows that have the train rows' most frequent class, of several the first.
  var chance: Double {
    var counts = [Int](repeating: 0, count: classes)
    for row in train { counts[row.label] += 1 }
    let most = counts.firstIndex(of: counts.max() ?? 0) ?? 0
    return Double(test.count { $0.label == most }) / Double(test.count)
  }

  /// Every fifth row of the classes one after another, each class in an order drawn from the seed.
  private static func heldOut(
    _ rows: [LabelledRow], seed: UInt64
  ) -> (train: [LabelledRow], test: [LabelledRow]) {
    let order = Permutation(count: rows.count, seed: seed, epoch: 0)
    let byClass = rows.indices.map { (place: $0, row: rows[order[$0]]) }
      .sorted { ($0.row.label, $0.place) < ($1.row.label, $1.place) }
    var (train, test): ([LabelledRow], [LabelledRow]) = ([], [])
    for (place, entry) in byClass.enumerated() {
      if place % 5 == 4 { test.append(entry.row) } else { train.append(entry.row) }
    }
    return (train, test)
  }
}

/// The test set's labels as train numbers its classes, and how the classes were matched.
struct MatchedLabels {
  /// What a class that train lacks is given: no train label.
  private static let foreign = Int(Int32.max) + 1

  let match: ClassMatch
  private let mapping: ClassMapping?  // nil: there is one file

  init(_ train: ClassTable, _ test: ClassTable?, _ operation: String) throws(ScrlError) {
    guard let test, test != train else {
      (mapping, match) = (nil, ClassMatch())
      return
    }
    let made = try ClassMapping(train, test, for: operation)
    for note in made.notes + [made.absentNote].compactMap({ $0 }) {
      Log.shared.note("\(operation): \(note)")
    }
    (mapping, match) = (made, made.match)
  }

  /// - Parameter labels: the test set's own, −1: none.
  func inTrain(_ labels: [Int]) -> [Int] {
    guard let mapping else { return labels }
    return labels.map { $0 < 0 ? $0 : mapping.numbers[$0] ?? MatchedLabels.foreign + $0 }
  }

  /// Tells of the test rows that no answer can be right for.
  func tell(unseen: Int, _ rows: String, _ operation: String) {
    guard let note = mapping?.unknownNote else { return }
    Log.shared.note("\(operation): \(note): \(unseen) test \(rows) count as wrong")
  }
}

/// Refuses a host's rows that do not fit: train (N,F) with N labels, test (M,F) with M.
func checkRows(
  _ features: Tensor, _ labels: [Int], _ test: (features: Tensor, labels: [Int])?,
  _ operation: String
) throws(ScrlError) {
  let width = features.shape.last ?? 0
  try check(features, labels, width: width, "train", operation)
  if let test { try check(test.features, test.labels, width: width, "test", operation) }
}

private func check(
  _ features: Tensor, _ labels: [Int], width: Int, _ name: String, _ operation: String
) throws(ScrlError) {
  guard features.shape.count == 2, features.shape == [labels.count, width], width > 0 else {
    throw ScrlError(
      .shape,
      "\(operation): got \(name) features \(features.shape) · expected [\(labels.count), \(width)]")
  }
  if let row = labels.firstIndex(where: { $0 < -1 }) {
    throw ScrlError(
      .argument,
      "\(operation): got label \(labels[row]) in \(name) row \(row) · expected −1 or more")
  }
  try checkFinite(features, name, operation)
}

/// Refuses features (N,F) that are not numbers.
func checkFinite(_ features: Tensor, _ name: String, _ operation: String) throws(ScrlError) {
  guard let place = features.buffer.firstIndex(where: { !$0.isFinite }) else { return }
  throw ScrlError(
    .argument,
    "\(operation): got \(features.buffer[place]) in \(name) row \(place / features.shape[1]) · "
      + "expected finite features")
}
