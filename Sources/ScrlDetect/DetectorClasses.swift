// What the labels of a detector are called, and the numbers that COCO files give them.

import ScrlBase
import ScrlStore

package struct DetectorClasses: Equatable, Sendable {
  package let count: Int
  private let names: [String]  // may be shorter
  private let ids: [Int32]  // −1: none; may be shorter

  package init(count: Int, names: [String] = [], ids: [Int32] = []) {
    self.count = count
    self.names = Array(names.prefix(count))
    self.ids = Array(ids.prefix(count))
  }

  package func name(of label: Int) -> String {
    names.indices.contains(label) ? names[label] : ""
  }

  /// COCO's category id: the dataset's, else counted from 1.
  package func categoryID(of label: Int) -> Int {
    ids.indices.contains(label) && ids[label] >= 0 ? Int(ids[label]) : label + 1
  }
}

extension DetectorClasses {
  private static let names = "/training/class_names"
  private static let ids = "/training/class_ids"
  private static let count = "/training/class_count"

  /// A line a name; a line break in one becomes a space.
  func write(to writer: CheckpointWriter) throws(ScrlError) {
    try writer.write(DetectorClasses.count, integer: Int64(count))
    let lines = names.map { name in String(name.map { $0.isNewline ? " " : $0 }) + "\n" }
    try writer.write(DetectorClasses.names, text: lines.joined())
    try writer.write(DetectorClasses.ids, text: ids.map { "\($0)\n" }.joined())
  }

  init(_ reader: CheckpointReader) throws(ScrlError) {
    let count = Int(try reader.integer(DetectorClasses.count))
    guard (1...100_000).contains(count) else {
      throw ScrlError(.format, "read \(reader.path): \(count) classes · expected 1 … 100000")
    }
    let lines = { (text: String) in
      text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }
    let names = lines(try reader.text(DetectorClasses.names))
    let ids = lines(try reader.text(DetectorClasses.ids)).map { Int32($0) ?? -1 }
    self.init(count: count, names: names, ids: ids)
  }
}
