// The classes of one file: the numbers it gives them, their names, their COCO category ids. A number
// is one file's own business; what files have in common are names (ClassMapping.swift).

import ScrlBase

package struct ClassTable: Equatable, Sendable {
  package let source: String  // what messages call the file
  package let names: [String]  // by number, "": none; may be shorter than the numbers in use
  package let ids: [Int]  // COCO's, by number, −1: none; may be shorter
  package let used: Set<Int>  // numbers that something labelled has

  package init(source: String, names: [String], ids: [Int] = [], used: Set<Int>) {
    (self.source, self.names, self.ids, self.used) = (source, names, ids, used)
  }

  /// Names that an import made of the ids, where the file had none ("class 3"), are none.
  package var hasNames: Bool {
    names.indices.contains { number in
      !names[number].isEmpty && names[number] != id(of: number).map { "class \($0)" }
    }
  }
  package var hasIDs: Bool { ids.contains { $0 >= 0 } }

  package func name(of number: Int) -> String? {
    names.indices.contains(number) && !names[number].isEmpty ? names[number] : nil
  }

  package func id(of number: Int) -> Int? {
    ids.indices.contains(number) && ids[number] >= 0 ? ids[number] : nil
  }

  /// What messages call a class.
  package func title(of number: Int) -> String { name(of: number) ?? "class \(number)" }

  /// Declared or in use, ascending.
  var numbers: [Int] { used.union(names.indices).sorted() }
}

extension DatasetReader {
  /// The classes, of which those are in use that whole images have.
  package var imageClasses: ClassTable {
    classTable(used: Set((0..<count).compactMap { label(of: $0).map(Int.init) }))
  }

  /// The classes, of which those are in use that boxes have.
  package var boxClasses: ClassTable {
    var used: Set<Int> = []
    for index in 0..<count {
      for box in boxes(of: index) where box.label >= 0 { used.insert(Int(box.label)) }
    }
    return classTable(used: used)
  }

  private func classTable(used: Set<Int>) -> ClassTable {
    ClassTable(source: path, names: classes, ids: classIDs.map { Int($0) }, used: used)
  }
}

/// As a checkpoint keeps a name, a line each: a line break in it becomes a space.
package func nameLine(_ name: String) -> String { String(name.map { $0.isNewline ? " " : $0 }) }

/// Refuses a dataset that calls a class otherwise than the run did that goes on. Where one of them
/// has no names there is nothing to compare.
/// - Parameter names: of the run's classes, by number.
package func checkNames(_ names: [String], of dataset: DatasetReader) throws(ScrlError) {
  let theirs = dataset.classes.prefix(max(names.count, 1)).map(nameLine)
  let mine = names.map(nameLine)
  guard !theirs.isEmpty, !mine.isEmpty, mine != theirs else { return }
  let differs = zip(mine, theirs).enumerated().first { $0.element.0 != $0.element.1 }?.offset
  let place = differs ?? min(mine.count, theirs.count)
  func called(_ names: [String]) -> String {
    place < names.count ? listed([names[place]]) : "missing"
  }
  throw ScrlError(
    .data,
    "resume: class \(place) is \(called(theirs)) in \(dataset.path) · expected \(called(mine)), as "
      + "the run began")
}

/// Names for a message: the first few, each cut when it is long, and how many more there are.
package func listed(_ names: [String]) -> String {
  let (most, longest) = (10, 40)
  let shown = names.prefix(most).map { name in
    let start = displayText(Array(name.prefix(longest).utf8))
    return "'\(start)\(name.count > longest ? "…" : "")'"
  }.joined(separator: ", ")
  return names.count > most ? "\(shown) and \(names.count - most) more" : shown
}
