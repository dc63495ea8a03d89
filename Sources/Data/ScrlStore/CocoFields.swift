// The fields of one entry of a COCO file. What the entry cannot be without gives the reason to leave
// it out; a field that it can be without is ignored when it is of no use, and that is told. null is
// absent; a number in quotes is a number.

import ScrlBase

struct FieldReader {
  private(set) var fault: CocoReason?  // the first: why the entry cannot be used
  private(set) var changes: [CocoReason] = []  // what was ignored
  private(set) var quoted = 0  // numbers in quotes
  var reshaped = 0  // polygons nested in another way than COCO's

  mutating func reject(_ reason: CocoReason) { fault = fault ?? reason }

  mutating func change(_ reason: CocoReason) { changes.append(reason) }

  mutating func require<Value>(_ value: Value?, _ name: String) {
    if value == nil { reject(CocoReason("no \(name)", "has no \(name)")) }
  }

  mutating func object(
    _ reader: inout JSONReader,
    _ member: (inout JSONReader, inout FieldReader, String) throws(ScrlError) -> Void
  ) throws(ScrlError) {
    let kind = try reader.kind()
    guard kind == .object else {
      return reject(CocoReason("no object of JSON", "is \(kind.phrase), expected an object"))
    }
    var inside = self
    try reader.object { (reader, name) throws(ScrlError) in try member(&reader, &inside, name) }
    self = inside
  }

  /// One field of the kinds given: `read` answers nil for a value that is not as it should be.
  /// - Returns: what is wrong with it; nil: nothing.
  mutating func field<Value>(
    _ reader: inout JSONReader, _ name: String, _ kinds: [JSONReader.Kind], _ wanted: String,
    _ target: inout Value?,
    _ read: (inout JSONReader, inout FieldReader) throws(ScrlError) -> Value?
  ) throws(ScrlError) -> String? {
    let found = try reader.kind()
    if found == .null { return nil }
    if target != nil { return "has \(name) twice" }
    guard kinds.contains(found) else { return "\(name) is \(found.phrase), expected \(wanted)" }
    guard let value = try read(&reader, &self) else { return "\(name) is not \(wanted)" }
    target = value
    return nil
  }

  /// A field that the entry cannot be without.
  private mutating func needed(_ name: String, _ wrong: String?) {
    if let wrong { reject(CocoReason("unusable \(name)", wrong)) }
  }

  /// A field that it can be without.
  private mutating func spare(_ name: String, _ wrong: String?) {
    if let wrong { change(CocoReason("unusable \(name) ignored", "\(wrong): ignored")) }
  }

  mutating func integer(
    _ reader: inout JSONReader, _ name: String, _ target: inout Int64?
  ) throws(ScrlError) {
    let wrong = try field(&reader, name, [.number, .string], "a whole number", &target) {
      (reader, fields) throws(ScrlError) in
      guard try reader.kind() == .string else { return try reader.integer() }
      guard let number = fields.number(inQuotes: try reader.string()) else { return nil }
      return Int64(exactly: number)
    }
    spare(name, wrong)
  }

  /// An id that the entry cannot be without: a whole number, or any text.
  mutating func id(
    _ reader: inout JSONReader, _ name: String, _ table: inout CocoIDs, _ target: inout Int64?
  ) throws(ScrlError) {
    needed(name, try readID(&reader, name, &table, &target))
  }

  /// The id of an annotation, which nothing refers to: what is no number is none.
  mutating func unusedID(
    _ reader: inout JSONReader, _ name: String, _ target: inout Int64?
  ) throws(ScrlError) {
    _ = try field(&reader, name, [.number], "a whole number", &target) {
      (reader, _) throws(ScrlError) in try reader.integer()
    }
  }

  private mutating func readID(
    _ reader: inout JSONReader, _ name: String, _ table: inout CocoIDs, _ target: inout Int64?
  ) throws(ScrlError) -> String? {
    try field(&reader, name, [.number, .string], "a whole number", &target) {
      (reader, fields) throws(ScrlError) in
      if try reader.kind() == .number {
        return try reader.integer().flatMap { CocoIDs.isNumber($0) ? $0 : nil }
      }
      let text = try reader.string()
      if let number = Int64(text), String(number) == text, CocoIDs.isNumber(number) {
        fields.quoted += 1
        return number
      }
      return text.isEmpty ? nil : table.number(for: text)
    }
  }

  mutating func text(
    _ reader: inout JSONReader, _ name: String, _ target: inout String?
  ) throws(ScrlError) {
    needed(name, try readText(&reader, name, [.string], &target))
  }

  /// A name that can be made up when there is none; a number stands for its digits.
  mutating func spareText(
    _ reader: inout JSONReader, _ name: String, _ target: inout String?
  ) throws(ScrlError) {
    spare(name, try readText(&reader, name, [.string, .number], &target))
  }

  private mutating func readText(
    _ reader: inout JSONReader, _ name: String, _ kinds: [JSONReader.Kind],
    _ target: inout String?
  ) throws(ScrlError) -> String? {
    try field(&reader, name, kinds, "a string", &target) { (reader, _) throws(ScrlError) in
      try (reader.kind() == .string ? reader.string() : reader.integer().map { "\($0)" })
    }
  }

  mutating func score(
    _ reader: inout JSONReader, _ name: String, _ target: inout Double?
  ) throws(ScrlError) {
    guard try reader.kind() != .null else {
      return needed(name, "score is null, expected a number")
    }
    let wrong = try field(&reader, name, [.number], "a number", &target) {
      (reader, _) throws(ScrlError) in try reader.number()
    }
    needed(name, wrong)
  }

  /// Pixels²: finite, 0 or more, and a float32's.
  mutating func area(
    _ reader: inout JSONReader, _ name: String, _ target: inout Double?
  ) throws(ScrlError) {
    var value: Double?
    var wrong = try field(&reader, name, [.number, .string], "a number", &value) {
      (reader, fields) throws(ScrlError) in try fields.number(&reader)
    }
    if target != nil { wrong = "has area twice" }
    if let value, !(value >= 0 && value <= Double(Float.greatestFiniteMagnitude)) {
      wrong = "area is \(value), expected finite and 0 or more"
    } else if wrong == nil {
      target = value
    }
    if let wrong {
      change(CocoReason("unusable area: measured instead", "\(wrong): measured instead"))
    }
  }

  mutating func flag(
    _ reader: inout JSONReader, _ name: String, _ target: inout Bool?
  ) throws(ScrlError) {
    let kinds: [JSONReader.Kind] = [.boolean, .number, .string]
    let wrong = try field(&reader, name, kinds, "0 or 1", &target) {
      (reader, fields) throws(ScrlError) in
      switch try reader.kind() {
      case .boolean: return try reader.boolean()
      case .number:
        let value = try reader.integer()
        return value == 0 ? false : value == 1 ? true : nil
      default:
        let text = try reader.string().lowercased()
        guard let value = ["0": false, "false": false, "1": true, "true": true][text] else {
          return nil
        }
        fields.quoted += 1
        return value
      }
    }
    spare(name, wrong)
  }

  /// - Parameter fault: why there is none.
  mutating func box(
    _ reader: inout JSONReader, _ name: String, _ target: inout CocoAnnotations.Box?,
    _ fault: inout CocoReason?
  ) throws(ScrlError) {
    var isEmpty = false
    let wrong = try field(&reader, name, [.array], "four numbers", &target) {
      (reader, fields) throws(ScrlError) in
      guard let sides = try fields.numbers(&reader) else { return nil }
      isEmpty = sides.isEmpty
      guard sides.count == 4 else { return nil }
      return CocoAnnotations.Box(x: sides[0], y: sides[1], width: sides[2], height: sides[3])
    }
    // An empty list stands for no box: some programs write it beside masks.
    if let wrong, !isEmpty { fault = fault ?? CocoReason("unusable bbox", wrong) }
  }
}

// Numbers.
extension FieldReader {
  private mutating func number(inQuotes text: String) -> Double? {
    let bare = text.utf8.filter { $0 != 0x20 && $0 != 0x09 }
    // No "nan", "inf" or "0x1": only what a person would call a number.
    guard let first = bare.first, first < 0x3A,
      let number = Double(String(decoding: bare, as: UTF8.self)), number.isFinite
    else { return nil }
    quoted += 1
    return number
  }

  /// A number, also one in quotes; nil, and the value passed over, for anything else.
  mutating func number(_ reader: inout JSONReader) throws(ScrlError) -> Double? {
    switch try reader.kind() {
    case .number: return try reader.number()
    case .string: return number(inQuotes: try reader.string())
    default:
      try reader.skip()
      return nil
    }
  }

  /// The numbers of an array; nil, and the value passed over, when it is anything else.
  mutating func numbers(_ reader: inout JSONReader) throws(ScrlError) -> [Double]? {
    guard try reader.kind() == .array else {
      try reader.skip()
      return nil
    }
    var values: [Double] = []
    var isGood = true
    var inside = self
    try reader.array { (reader) throws(ScrlError) in
      guard let value = try inside.number(&reader) else { return isGood = false }
      values.append(value)
    }
    self = inside
    return isGood ? values : nil
  }
}
