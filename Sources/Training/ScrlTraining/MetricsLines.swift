// What of a metrics.jsonl stays when a run goes on after a step. Lines of steps begin, as we write
// them, {"step": N, "epoch": E; an editor may have changed their spaces, their ends, or put a byte
// order mark before the first.

struct MetricsLines {
  /// Steps up to the given one, and all lines of others that are text; ends with a newline.
  private(set) var kept: [UInt8] = []
  /// Lines that are no text: not UTF-8, or with a NUL (UTF-16, a hole after a power cut).
  private(set) var foreign: [UInt8] = []
  private(set) var foreignCount = 0

  init(_ content: [UInt8], upTo step: Int) {
    var start = 0
    while start < content.count {
      let newline = content[start...].firstIndex(of: UInt8(ascii: "\n"))
      let line = content[start..<(newline ?? content.count)]
      add(line, isWhole: newline != nil, upTo: step)
      start = (newline ?? content.count) + 1
    }
  }

  private mutating func add(_ line: ArraySlice<UInt8>, isWhole: Bool, upTo step: Int) {
    var scanner = LineScanner(line)
    switch scanner.step() {
    case .some(let number) where isWhole || line.last == UInt8(ascii: "}"):
      if number <= step { kept += line + [UInt8(ascii: "\n")] }
    case .some: break  // half a line of ours
    case .none where !isWhole && scanner.isBeginning: break
    case .none where line.contains(0) || String(validating: line, as: UTF8.self) == nil:
      foreign += line + [UInt8(ascii: "\n")]
      foreignCount += 1
    case .none: kept += line + [UInt8(ascii: "\n")]
    }
  }
}

/// Looks for the beginning of a step's line.
private struct LineScanner {
  private var rest: ArraySlice<UInt8>
  /// The line ended while all before was as in a step's line.
  private(set) var isBeginning = false

  init(_ line: ArraySlice<UInt8>) {
    rest = line.starts(with: [0xEF, 0xBB, 0xBF]) ? line.dropFirst(3) : line
  }

  /// N of {"step": N, "epoch".
  mutating func step() -> Int? {
    guard take("{"), take("\"step\""), take(":"), skipSpaces() else { return nil }
    let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    rest = rest.dropFirst(digits.count)
    guard !digits.isEmpty, take(","), take("\"epoch\"") else { return nil }
    return Int(String(decoding: digits, as: UTF8.self))
  }

  private mutating func take(_ word: String) -> Bool {
    guard skipSpaces() else { return false }
    let word = Array(word.utf8)
    isBeginning = rest.count < word.count && word.starts(with: rest)
    guard rest.starts(with: word) else { return false }
    rest = rest.dropFirst(word.count)
    return true
  }

  private mutating func skipSpaces() -> Bool {
    rest = rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    isBeginning = rest.isEmpty
    return !rest.isEmpty
  }
}
