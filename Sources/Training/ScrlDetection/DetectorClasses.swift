// What the labels of a detector are called, and the numbers that COCO files give them.

import ScrlBase
import ScrlStore

package struct DetectorClasses: Equatable, Sendable {
  /// More labels than this are a broken dataset, not classes.
  package static let most = 100_000

  package let count: Int
  private let names: [String]  // may be shorter
  private let ids: [Int]  // COCO's category ids

  /// - Parameter ids: −1 where there is none, may be shorter; such a class gets the first free one
  ///   from 1, as it does where a dataset is written as a COCO file.
  package init(count: Int, names: [String] = [], ids: [Int32] = []) {
    self.count = count
    self.names = Array(names.prefix(count))
    let known = ids.prefix(count).map { Int($0) }
    var taken = Set(known)
    var free = 0
    self.ids = (0..<count).map { label in
      if label < known.count, known[label] >= 0 { return known[label] }
      repeat { free += 1 } while !taken.insert(free).inserted
      return free
    }
  }

  package func name(of label: Int) -> String {
    names.indices.contains(label) ? names[label] : ""
  }

  package func categoryID(of label: Int) -> Int { ids[label] }

  /// For ClassMapping. Without names the ids are this library's own, and mean nothing.
  func table(_ source: String) -> ClassTable {
    ClassTable(source: source, names: names, ids: names.isEmpty ? [] : ids, used: Set(0..<count))
  }

  /// Refuses a dataset that calls a class otherwise than these do.
  func checkNames(of dataset: DatasetReader) throws(ScrlError) {
    try ScrlStore.checkNames(names, of: dataset)
  }
}

/// The classes of a detector in a dataset, matched as ClassMapping has it.
package struct ClassesInDataset {
  package let mapping: ClassMapping
  package let labels: [Int?]  // the dataset's number of each class; nil: it has no such class
  /// What COCO files call those classes, as where the dataset is written as one.
  package let categoryIDs: [Int64?]

  package init(
    _ classes: DetectorClasses, _ dataset: DatasetReader, for operation: String
  ) throws(ScrlError) {
    mapping = try ClassMapping(
      classes.table("the detector"), dataset.boxClasses, for: operation)
    var labels = [Int?](repeating: nil, count: classes.count)
    if mapping.basis == .numbers {
      labels = (0..<classes.count).map { $0 }
    } else {
      for (theirs, mine) in mapping.numbers { labels[mine] = theirs }
    }
    let known = cocoCategoryIDs(dataset)
    var taken = Set(known.values)
    var free: Int64 = 0
    self.labels = labels
    categoryIDs = labels.map { label in
      guard let label else { return nil }
      if let id = known[Int32(label)] { return id }
      repeat { free += 1 } while !taken.insert(free).inserted
      return free
    }
  }
}

extension AnnotatedBox {
  /// - Throws: `.data` for a label that no detector could have: tables by label would not fit memory.
  func checkLabel(image: Int) throws(ScrlError) {
    guard label < DetectorClasses.most else {
      throw ScrlError(
        .data,
        "detector: a box of image \(image) has label \(label) · expected less than "
          + "\(DetectorClasses.most)")
    }
  }
}

extension DetectorClasses {
  private static let names = "/training/class_names"
  private static let ids = "/training/class_ids"
  private static let count = "/training/class_count"

  /// A line a name.
  func write(to writer: CheckpointWriter) throws(ScrlError) {
    try writer.write(DetectorClasses.count, integer: Int64(count))
    try writer.write(DetectorClasses.names, text: names.map { nameLine($0) + "\n" }.joined())
    try writer.write(DetectorClasses.ids, text: ids.map { "\($0)\n" }.joined())
  }

  init(_ reader: CheckpointReader) throws(ScrlError) {
    let count = Int(try reader.integer(DetectorClasses.count))
    guard (1...DetectorClasses.most).contains(count) else {
      throw ScrlError(
        .format, "read \(reader.path): \(count) classes · expected 1 … \(DetectorClasses.most)")
    }
    let lines = { (text: String) in
      text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }
    let names = lines(try reader.text(DetectorClasses.names))
    let ids = lines(try reader.text(DetectorClasses.ids)).map { Int32($0) ?? -1 }
    self.init(count: count, names: names, ids: ids)
  }
}
