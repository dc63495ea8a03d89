// Which class of one file is which of another's. Whatever compares two files goes through here:
//   - by name where both files have names. Equal names first; a name that is left over and differs
//     only in case or white space from exactly one name of the other file is taken for it, and told
//   - by COCO category id where one of them has no names and both have ids
//   - by number where there is neither, which is told
// Classes without a name, in files that have some, are compared by number among themselves.

import ScrlBase

package struct ClassMapping: Equatable, Sendable {
  package enum Basis: String, Sendable { case names, ids, numbers }

  package let basis: Basis
  /// The first file's number of each of the second's.
  package let numbers: [Int: Int]
  package let unknown: [Int]  // classes in use of the second that the first lacks, ascending
  package let absent: [Int]  // classes in use of the first that the second lacks, ascending
  package let first: ClassTable
  package let second: ClassTable
  package let notes: [String]  // what was not matched by equal names

  /// - Throws: `.data` when the files have names or ids and share none; for a name that several
  ///   classes in use of one file have and the other file knows too.
  package init(
    _ first: ClassTable, _ second: ClassTable, for operation: String
  ) throws(ScrlError) {
    (self.first, self.second) = (first, second)
    var matcher = ClassMatcher(first: first, second: second)
    if first.hasNames && second.hasNames {
      basis = .names
      try matcher.matchNames(operation)
    } else if first.hasIDs && second.hasIDs {
      basis = .ids
      try matcher.matchIDs(operation)
    } else {
      basis = .numbers
      matcher.matchNumbers()
    }
    let found = matcher.numbers
    numbers = found
    unknown = second.used.filter { found[$0] == nil }.sorted()
    let known = Set(found.values)
    // A file without names tells what it uses, not what it lacks.
    absent = basis == .numbers ? [] : first.used.filter { !known.contains($0) }.sorted()
    if found.isEmpty, basis != .numbers {
      let lists = [first, second].map { table in
        "\(listed(table.numbers.map { table.title(of: $0) })) of \(table.source)"
      }
      let both = lists.joined(separator: " and ")
      throw ScrlError(
        .data, "\(operation): got classes \(both) · expected a class in common")
    }
    notes = matcher.notes
  }

  package var unknownNames: [String] { unknown.map { second.title(of: $0) } }
  package var absentNames: [String] { absent.map { first.title(of: $0) } }

  /// nil: the second file lacks none of the first's.
  package var absentNote: String? { lacks(second, absentNames, first) }
  /// nil: the first file lacks none of the second's.
  package var unknownNote: String? { lacks(first, unknownNames, second) }

  private func lacks(_ file: ClassTable, _ names: [String], _ other: ClassTable) -> String? {
    names.isEmpty
      ? nil
      : "\(file.source) lacks \(names.count) \(names.count == 1 ? "class" : "classes") of "
        + "\(other.source), \(listed(names))"
  }

  /// What a report keeps of it.
  package var match: ClassMatch {
    ClassMatch(basis: basis, unknown: unknownNames, absent: absentNames)
  }
}

/// How the classes of two files were matched, in a report.
package struct ClassMatch: Equatable, Sendable {
  package var basis: ClassMapping.Basis?  // nil: there was one file
  package var unknown: [String] = []  // names of the second file's classes that the first lacks
  package var absent: [String] = []  // and the other way round

  package init(
    basis: ClassMapping.Basis? = nil, unknown: [String] = [], absent: [String] = []
  ) {
    (self.basis, self.unknown, self.absent) = (basis, unknown, absent)
  }
}

private struct ClassMatcher {
  let first: ClassTable
  let second: ClassTable
  private(set) var numbers: [Int: Int] = [:]
  private(set) var notes: [String] = []

  mutating func matchNames(_ operation: String) throws(ScrlError) {
    if first.names == second.names {
      for number in first.names.indices { numbers[number] = number }
    } else {
      let (ours, theirs) = (byName(first), byName(second))
      for (name, candidates) in theirs {
        guard let known = ours[name] else { continue }
        let number = try only(candidates, second, "name '\(name)'", operation)
        numbers[number] = try only(known, first, "name '\(name)'", operation)
      }
      matchFolded(ours, theirs)
    }
    let nameless = second.used.filter { second.name(of: $0) == nil && first.name(of: $0) == nil }
    let shared = nameless.intersection(first.used).sorted()
    for number in shared { numbers[number] = number }
    if !shared.isEmpty {
      notes.append("classes \(shared) have no name and are compared by number")
    }
  }

  /// Names left over on both sides that are one when case and white space are not looked at.
  private mutating func matchFolded(_ ours: [String: [Int]], _ theirs: [String: [Int]]) {
    let (mine, other) = (
      Dictionary(grouping: ours.keys, by: folded), Dictionary(grouping: theirs.keys, by: folded)
    )
    for (key, names) in other.sorted(by: { $0.key < $1.key }) {
      guard names.count == 1, let known = mine[key], known.count == 1, names[0] != known[0],
        let number = theirs[names[0]], number.count == 1, let target = ours[known[0]],
        target.count == 1
      else { continue }
      numbers[number[0]] = target[0]
      notes.append(
        "class \(listed(names)) of \(second.source) is taken for \(listed(known)) of "
          + first.source)
    }
  }

  mutating func matchIDs(_ operation: String) throws(ScrlError) {
    let (ours, theirs) = (byID(first), byID(second))
    for (id, candidates) in theirs {
      guard let known = ours[id] else { continue }
      let number = try only(candidates, second, "category id \(id)", operation)
      numbers[number] = try only(known, first, "category id \(id)", operation)
    }
    notes.append(byWhat("category id"))
  }

  mutating func matchNumbers() {
    let known = Set(first.numbers)
    for number in second.numbers where known.contains(number) { numbers[number] = number }
    notes.append(byWhat("number"))
  }

  private func byWhat(_ what: String) -> String {
    let nameless = [first, second].filter { !$0.hasNames }.map(\.source)
    return "classes of \(first.source) and \(second.source) are compared by \(what): no class "
      + "names in \(nameless.joined(separator: " and "))"
  }

  /// Of several classes of a name the one that is in use.
  private func only(
    _ candidates: [Int], _ table: ClassTable, _ what: String, _ operation: String
  ) throws(ScrlError) -> Int {
    let used = candidates.filter { table.used.contains($0) }
    if candidates.count == 1 { return candidates[0] }
    if used.count == 1 { return used[0] }
    throw ScrlError(
      .data,
      "\(operation): got the \(what) for \(candidates.count) classes of \(table.source), "
        + "\(candidates) · expected one")
  }
}

private func byName(_ table: ClassTable) -> [String: [Int]] {
  Dictionary(grouping: table.names.indices.filter { table.name(of: $0) != nil }) { table.names[$0] }
}

private func byID(_ table: ClassTable) -> [Int: [Int]] {
  Dictionary(grouping: table.ids.indices.filter { table.ids[$0] >= 0 }) { table.ids[$0] }
}

/// Lower case, with single spaces between words and none around them.
private func folded(_ name: String) -> String {
  name.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
}
