// Ids that are text: image_id "img_3", category_id "cat". Inside a file each such text stands for one
// number: the one that it spells where that is free, else the first free one from 1.
// Not here: text that spells a number plainly ("17"), which is that number from the start.

import ScrlBase

struct CocoIDs: Sendable, Equatable {
  private var places: [String: Int] = [:]
  private var texts: [String] = []
  private(set) var numbers: [String: Int64] = [:]  // after settle()

  /// Numbers below stand for texts until settle().
  static func isNumber(_ id: Int64) -> Bool { id > Int64.min / 2 }

  var isEmpty: Bool { texts.isEmpty }

  mutating func number(for text: String) -> Int64 {
    if let place = places[text] { return Int64.min + Int64(place) }
    places[text] = texts.count
    texts.append(text)
    return Int64.min + Int64(texts.count - 1)
  }

  func text(of id: Int64) -> String? {
    guard !Self.isNumber(id) else { return nil }
    let place = Int(id - Int64.min)
    return place < texts.count ? texts[place] : nil
  }

  /// Gives every text that an entry defines its number.
  /// - Parameter defined: the ids of the entries.
  mutating func settle(_ defined: [Int64]) {
    var taken = Set(defined.filter { Self.isNumber($0) })
    var free = FreeIDs(taken: taken)
    var mine: [String] = []
    for id in defined { if let text = text(of: id), numbers[text] == nil { mine.append(text) } }
    for text in mine where numbers[text] == nil {
      guard let spelt = Int64(text), spelt >= 0, taken.insert(spelt).inserted else { continue }
      numbers[text] = spelt
      free.taken.insert(spelt)
    }
    for text in mine where numbers[text] == nil { numbers[text] = free.next() }
  }

  /// The number of an id; one that no entry has keeps what stands for it.
  /// - Parameter known: whether an entry has this number.
  func settled(_ id: Int64, _ known: (Int64) -> Bool) -> Int64 {
    guard let text = text(of: id) else { return id }
    if let number = numbers[text] { return number }
    if let spelt = Int64(text), known(spelt) { return spelt }
    return id
  }

  /// How a message shows an id.
  func shown(_ id: Int64) -> String { text(of: id).map { "\"\($0)\"" } ?? "\(id)" }
}

/// The first free numbers from 1.
struct FreeIDs {
  var taken: Set<Int64>
  private var last: Int64 = 0

  init(taken: Set<Int64>) { self.taken = taken }

  mutating func next() -> Int64 {
    repeat { last += 1 } while taken.contains(last)
    return last
  }
}
