// Classes of two files, matched: a table of what two files may call theirs.

import ScrlBase
import Testing

@testable import ScrlStore

private struct Case: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let first: [String]
  let second: [String]
  var firstIDs: [Int] = []
  var secondIDs: [Int] = []
  var firstUsed: Set<Int>?  // nil: all that have a name
  var secondUsed: Set<Int>?
  var basis = ClassMapping.Basis.names
  var numbers: [Int: Int] = [:]
  var unknown: [Int] = []
  var absent: [Int] = []
  var notes = 0
  var error: String?

  func map() throws(ScrlError) -> ClassMapping {
    func table(_ name: String, _ names: [String], _ ids: [Int], _ used: Set<Int>?) -> ClassTable {
      ClassTable(source: name, names: names, ids: ids, used: used ?? Set(names.indices))
    }
    return try ClassMapping(
      table("a.h5", first, firstIDs, firstUsed), table("b.h5", second, secondIDs, secondUsed),
      for: "test")
  }
}

private let cases = [
  Case(
    testDescription: "the same names", first: ["x", "y"], second: ["x", "y"],
    numbers: [0: 0, 1: 1]),
  Case(
    testDescription: "another order", first: ["x", "y", "z"], second: ["z", "x", "y"],
    numbers: [0: 2, 1: 0, 2: 1]),
  Case(
    testDescription: "the second lacks one", first: ["x", "y"], second: ["y"], numbers: [0: 1],
    absent: [0]),
  Case(
    testDescription: "the first lacks one", first: ["y"], second: ["x", "y"], numbers: [1: 0],
    unknown: [0]),
  Case(
    testDescription: "what nobody uses is not missed", first: ["x", "y"], second: ["y", "z"],
    firstUsed: [1], secondUsed: [0], numbers: [0: 1]),
  Case(
    testDescription: "names that differ in case and white space", first: ["Car", "dining table"],
    second: [" DINING  table", "car "], numbers: [0: 1, 1: 0], notes: 2),
  Case(
    testDescription: "equal names go before similar ones", first: ["Car", "car"],
    second: ["car", "Car"], numbers: [0: 1, 1: 0]),
  Case(
    testDescription: "two that are similar are not guessed at", first: ["Car", "car", "x"],
    second: ["CAR", "x"], numbers: [1: 2], unknown: [0], absent: [0, 1]),
  Case(
    testDescription: "accents written in one way or the other", first: ["caf\u{E9}"],
    second: ["cafe\u{301}"], numbers: [0: 0]),
  Case(
    testDescription: "names go before ids", first: ["x", "y"], second: ["y", "x"],
    firstIDs: [1, 2], secondIDs: [1, 2], numbers: [0: 1, 1: 0]),
  Case(
    testDescription: "ids where one has no names", first: ["x", "y"], second: ["", ""],
    firstIDs: [7, 9], secondIDs: [9, 7], basis: .ids, numbers: [0: 1, 1: 0], notes: 1),
  Case(
    testDescription: "ids without one in common", first: ["", ""], second: ["", ""],
    firstIDs: [7, 9], secondIDs: [1, 2], error: "expected a class in common"),
  Case(
    testDescription: "numbers where there is neither", first: [], second: [],
    firstUsed: [0, 1, 5], secondUsed: [1, 5, 8], basis: .numbers, numbers: [1: 1, 5: 5],
    unknown: [8], notes: 1),
  Case(
    testDescription: "numbers where one has no names", first: ["x", "y"], second: [],
    secondUsed: [1], basis: .numbers, numbers: [1: 1], notes: 1),
  Case(
    testDescription: "numbers as large as they get", first: [], second: [],
    firstUsed: [2_000_000_000], secondUsed: [2_000_000_000], basis: .numbers,
    numbers: [2_000_000_000: 2_000_000_000], notes: 1),
  Case(
    testDescription: "a class without a name among others", first: ["x"], second: ["y", "x"],
    firstUsed: [0, 5], secondUsed: [0, 1, 5], numbers: [1: 0, 5: 5], unknown: [0], notes: 1),
  Case(
    testDescription: "none in common", first: ["x", "y"], second: ["z"],
    error: "got classes 'x', 'y' of a.h5 and 'z' of b.h5 · expected a class in common"),
  Case(
    testDescription: "a name twice", first: ["x", "x", "y"], second: ["y", "x"],
    error: "the name 'x' for 2 classes of a.h5, [0, 1]"),
  Case(
    testDescription: "a name twice, one of them unused", first: ["x", "x", "y"],
    second: ["y", "x"], firstUsed: [1, 2], numbers: [0: 2, 1: 1]),
  Case(
    testDescription: "a name twice that the other file does not have", first: ["x", "x", "y"],
    second: ["y"], numbers: [0: 2], absent: [0, 1]),
  Case(
    testDescription: "a name twice in the same file", first: ["x", "x"], second: ["x", "x"],
    numbers: [0: 0, 1: 1]),
]

@Suite("Classes of two files")
struct ClassMappingTests {
  @Test("match as the table says", arguments: cases)
  fileprivate func matches(_ each: Case) throws {
    if let error = each.error {
      #expect {
        _ = try each.map()
      } throws: { thrown in
        (thrown as? ScrlError)?.code == .data && "\(thrown)".contains(error)
      }
      return
    }
    let made = try each.map()
    #expect(made.basis == each.basis && made.numbers == each.numbers)
    #expect(made.unknown == each.unknown && made.absent == each.absent)
    #expect(made.notes.count == each.notes, "\(made.notes)")
    #expect((made.unknownNote != nil) == !each.unknown.isEmpty)
    #expect((made.absentNote != nil) == !each.absent.isEmpty)
    #expect(made.match.unknown == each.unknown.map { made.second.title(of: $0) })
  }

  @Test("long lists of names are cut, and say by how many")
  func longLists() {
    let names = (0..<25).map { "class \($0)" }
    #expect(listed(names).hasSuffix("'class 9' and 15 more"))
    #expect(listed(["a", "b\n"]) == "'a', 'b\\x0a'")
    #expect(listed([String(repeating: "é", count: 41)]).count == 43)
  }
}
