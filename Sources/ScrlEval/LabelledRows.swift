// Which images or feature rows take part, under which class, and which are held out.

import ScrlBase

/// One image of a dataset, or one row of a feature matrix.
struct LabelledRow: Equatable {
  let index: Int  // in its dataset or matrix
  let label: Int  // 0..<classes; −1: a class that train lacks
}

struct LabelledRows {
  let train: [LabelledRow]
  let test: [LabelledRow]
  let classes: Int
  let unlabelled: Int

  /// - Parameters:
  ///   - train: a class per row, −1: none.
  ///   - test: nil: a fifth of train is held out.
  init(train: [Int], test: [Int]?, seed: UInt64) throws(ScrlError) {
    let labelled = train.indices.filter { train[$0] >= 0 }
    let known = Set(labelled.map { train[$0] }).sorted()
    guard !known.isEmpty else {
      throw ScrlError(
        .data, "evaluate_linear: none of \(train.count) train images has a label · expected labels")
    }
    guard known.count > 1 else {
      throw ScrlError(
        .data, "evaluate_linear: all train labels are \(known[0]) · expected two classes or more")
    }
    // Classes are numbered as they occur: labels may be sparse and large.
    var numbers: [Int: Int] = [:]
    for (number, label) in known.enumerated() { numbers[label] = number }
    let rows = labelled.map { LabelledRow(index: $0, label: numbers[train[$0]] ?? -1) }
    classes = known.count
    if let test {
      let kept = test.indices.filter { test[$0] >= 0 }
      self.train = rows
      self.test = kept.map { LabelledRow(index: $0, label: numbers[test[$0]] ?? -1) }
      unlabelled = train.count - rows.count + test.count - kept.count
    } else {
      (self.train, self.test) = LabelledRows.heldOut(rows, seed: seed)
      unlabelled = train.count - rows.count
    }
    guard !self.test.isEmpty else {
      throw ScrlError(
        .data, "evaluate_linear: no labelled image to test on · expected one, or 5 to hold one out")
    }
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
