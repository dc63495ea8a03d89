// JSON (RFC 8259), read value by value without building a tree: annotation files have 450 MB.
// Strict: UTF-8 only, no byte order mark, no comments, no trailing commas, no half surrogate pairs;
// nesting is limited. Errors tell line and column. The one thing that can be asked for beyond the
// standard are Python's NaN and Infinity, so that a caller can name the entry that holds them.
// Not here: numbers (JSONNumbers.swift), writing (NewTextFile.swift), what the values mean.

import ScrlBase

package struct JSONReader {
  package enum Kind: String, Sendable { case null, boolean, number, string, array, object }

  /// Deeper nesting is refused, so that no text can exhaust the stack.
  package static let deepest = 128

  package let source: String  // what errors call the text
  let bytes: [UInt8]
  let takesNonFinite: Bool
  var position = 0
  private var depth = 0

  package init(_ bytes: [UInt8], source: String, takesNonFinite: Bool = false) {
    self.bytes = bytes
    self.source = source
    self.takesNonFinite = takesNonFinite
  }

  /// What the next value is; it stays to be read.
  package mutating func kind() throws(ScrlError) -> Kind {
    skipSpace()
    if depth == 0 { try refuseOtherForms() }
    switch current {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
    case UInt8(ascii: "n"): return .null
    case UInt8(ascii: "N"), UInt8(ascii: "I"):
      if takesNonFinite { return .number }
      throw unexpected("a value (NaN and Infinity are not JSON)")
    case 0xEF where position == 0: throw unexpected("a value, no byte order mark")
    default: throw unexpected("a value")
    }
  }

  /// Reads an object: `member` gets each name and may read the value; what it leaves is passed
  /// over. Names may repeat; that is the caller's to judge.
  package mutating func object(
    _ member: (inout JSONReader, String) throws(ScrlError) -> Void
  ) throws(ScrlError) {
    try enter(.object)
    if close(UInt8(ascii: "}")) { return }
    repeat {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw unexpected("a name in quotes") }
      let name = try string()
      skipSpace()
      guard current == UInt8(ascii: ":") else { throw unexpected("':' after a name") }
      position += 1
      _ = try kind()
      let start = position
      try member(&self, name)
      if position == start { try skip() }
    } while try another(before: UInt8(ascii: "}"))
  }

  /// Reads an array: `element` may read each value; what it leaves is passed over.
  package mutating func array(
    _ element: (inout JSONReader) throws(ScrlError) -> Void
  ) throws(ScrlError) {
    try enter(.array)
    if close(UInt8(ascii: "]")) { return }
    repeat {
      _ = try kind()
      let start = position
      try element(&self)
      if position == start { try skip() }
    } while try another(before: UInt8(ascii: "]"))
  }

  package mutating func boolean() throws(ScrlError) -> Bool {
    try expect(.boolean)
    let value = current == UInt8(ascii: "t")
    try word(value ? "true" : "false")
    return value
  }

  package mutating func null() throws(ScrlError) {
    try expect(.null)
    try word("null")
  }

  /// Reads one value, checks its grammar, and forgets it.
  package mutating func skip() throws(ScrlError) {
    switch try kind() {
    case .null: try null()
    case .boolean: _ = try boolean()
    case .number: _ = try number()
    case .string: _ = try string()
    case .array: try array { (_) throws(ScrlError) in }
    case .object: try object { (_, _) throws(ScrlError) in }
    }
  }

  /// Checks that nothing but white space is left.
  package mutating func finish() throws(ScrlError) {
    skipSpace()
    guard position == bytes.count else { throw unexpected("the end of the text") }
  }

  /// An error at the place reached, for what is wrong with a value's meaning.
  package func failure(_ reason: String) -> ScrlError { failure(reason, at: position) }
}

// Strings.
extension JSONReader {
  package mutating func string() throws(ScrlError) -> String {
    try expect(.string)
    let opened = position
    position += 1
    var text: [UInt8] = []
    var start = position
    while current != UInt8(ascii: "\"") {
      if current == UInt8(ascii: "\\") {
        text += bytes[start..<position]
        try escape(into: &text)
        start = position
      } else {
        guard current >= 0x20 else { throw unexpected("the end of a string") }
        position += 1
      }
    }
    let rest = bytes[start..<position]
    let made =
      text.isEmpty
      ? String(validating: rest, as: UTF8.self) : String(validating: text + rest, as: UTF8.self)
    guard let made else { throw failure("the string is not UTF-8", at: opened) }
    position += 1
    return made
  }

  private mutating func escape(into text: inout [UInt8]) throws(ScrlError) {
    position += 1
    let letter = current
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      position += 1
      let scalar = try codePoint()
      text += Array(String(Character(scalar)).utf8)
      return
    default: throw unexpected("one of \"\\/bfnrtu after a backslash")
    }
    position += 1
  }

  /// The scalar of uXXXX, or of two of them that are a surrogate pair.
  private mutating func codePoint() throws(ScrlError) -> Unicode.Scalar {
    let start = position
    let first = try hexadecimal()
    if let scalar = Unicode.Scalar(first) { return scalar }
    if (0xD800..<0xDC00).contains(first), current == UInt8(ascii: "\\") {
      position += 1
      if current == UInt8(ascii: "u") {
        position += 1
        let second = try hexadecimal()
        if (0xDC00..<0xE000).contains(second),
          let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + second - 0xDC00)
        {
          return scalar
        }
      }
    }
    throw failure("half of a surrogate pair", at: start)
  }

  private mutating func hexadecimal() throws(ScrlError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      let digit: UInt8
      switch current {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = current - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = current - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = current - UInt8(ascii: "A") + 10
      default: throw unexpected("four hexadecimal digits after \\u")
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }
}

// The grammar's small parts. Past the end `current` is 0, which no rule accepts.
extension JSONReader {
  var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

  func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  private mutating func skipSpace() {
    while true {
      switch current {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  mutating func expect(_ wanted: Kind) throws(ScrlError) {
    let found = try kind()
    guard found == wanted else {
      throw failure("got \(found.phrase), expected \(wanted.phrase)", at: position)
    }
  }

  private mutating func enter(_ wanted: Kind) throws(ScrlError) {
    try expect(wanted)
    guard depth < Self.deepest else {
      throw failure("nested deeper than \(Self.deepest)", at: position)
    }
    depth += 1
    position += 1
  }

  /// Whether the array or object ends here, before its first element.
  private mutating func close(_ bracket: UInt8) -> Bool {
    skipSpace()
    guard current == bracket else { return false }
    position += 1
    depth -= 1
    return true
  }

  /// Whether a comma follows; otherwise the closing bracket must.
  private mutating func another(before bracket: UInt8) throws(ScrlError) -> Bool {
    skipSpace()
    if current == UInt8(ascii: ",") {
      position += 1
      return true
    }
    guard close(bracket) else {
      throw unexpected("',' or '\(Character(Unicode.Scalar(bracket)))'")
    }
    return false
  }

  mutating func word(_ text: String) throws(ScrlError) {
    for byte in text.utf8 {
      guard current == byte else { throw unexpected(text) }
      position += 1
    }
  }

  func unexpected(_ wanted: String) -> ScrlError {
    let got =
      position >= bytes.count
      ? "the text's end" : "'\(displayText([bytes[position]]))'"
    return failure("got \(got), expected \(wanted)", at: position)
  }

  /// Lines and columns count from 1; a column is a character, not a byte.
  func failure(_ reason: String, at position: Int) -> ScrlError {
    var line = 1
    var column = 1
    for byte in bytes[..<min(position, bytes.count)] {
      if byte == 0x0A {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    return ScrlError(.format, "read \(source): line \(line), column \(column): \(reason)")
  }
}

extension JSONReader.Kind {
  /// With its article, for messages.
  package var phrase: String {
    switch self {
    case .null: "null"
    case .array, .object: "an \(rawValue)"
    case .boolean, .number, .string: "a \(rawValue)"
    }
  }
}
