// The fields of one entry of a COCO file: read into values, or the reason why they cannot be.

import ScrlBase

/// Reads one entry's fields. What is wrong with a value's kind is kept as the entry's first reason,
/// and the value is passed over; only broken grammar throws.
struct FieldReader {
  private(set) var reason: String?

  mutating func reject(_ reason: String) { self.reason = self.reason ?? reason }

  mutating func require<Value>(_ value: Value?, _ name: String) {
    if value == nil { reject("has no \(name)") }
  }

  mutating func object(
    _ reader: inout JSONReader,
    _ member: (inout JSONReader, inout FieldReader, String) throws(ScrlError) -> Void
  ) throws(ScrlError) {
    let kind = try reader.kind()
    guard kind == .object else { return reject("is \(kind.phrase), expected an object") }
    var inside = self
    try reader.object { (reader, name) throws(ScrlError) in try member(&reader, &inside, name) }
    self = inside
  }

  /// One field: `read` answers nil for a value that is not as it should be.
  private mutating func field<Value>(
    _ reader: inout JSONReader, _ name: String, _ kind: JSONReader.Kind, _ wanted: String,
    _ target: inout Value?, _ read: (inout JSONReader) throws(ScrlError) -> Value?
  ) throws(ScrlError) {
    if target != nil { reject("has \(name) twice") }
    let found = try reader.kind()
    guard found == kind else { return reject("\(name) is \(found.phrase), expected \(wanted)") }
    guard let value = try read(&reader) else { return reject("\(name) is not \(wanted)") }
    target = value
  }

  mutating func integer(
    _ reader: inout JSONReader, _ name: String, _ target: inout Int64?
  ) throws(ScrlError) {
    try field(&reader, name, .number, "a whole number", &target) { (reader) throws(ScrlError) in
      try reader.integer()
    }
  }

  mutating func text(
    _ reader: inout JSONReader, _ name: String, _ target: inout String?
  ) throws(ScrlError) {
    try field(&reader, name, .string, "a string", &target) { (reader) throws(ScrlError) in
      try reader.string()
    }
  }

  mutating func number(
    _ reader: inout JSONReader, _ name: String, _ target: inout Double?
  ) throws(ScrlError) {
    try field(&reader, name, .number, "a number", &target) { (reader) throws(ScrlError) in
      try reader.number()
    }
  }

  mutating func flag(
    _ reader: inout JSONReader, _ name: String, _ target: inout Bool?
  ) throws(ScrlError) {
    if try reader.kind() == .boolean {
      return try field(&reader, name, .boolean, "0 or 1", &target) { (reader) throws(ScrlError) in
        try reader.boolean()
      }
    }
    try field(&reader, name, .number, "0 or 1", &target) { (reader) throws(ScrlError) in
      switch try reader.integer() {
      case 0: false
      case 1: true
      default: nil
      }
    }
  }

  mutating func box(
    _ reader: inout JSONReader, _ name: String, _ target: inout CocoAnnotations.Box?
  ) throws(ScrlError) {
    try field(&reader, name, .array, "four numbers", &target) { (reader) throws(ScrlError) in
      guard let sides = try numbers(&reader), sides.count == 4 else { return nil }
      return CocoAnnotations.Box(x: sides[0], y: sides[1], width: sides[2], height: sides[3])
    }
  }

  mutating func segmentation(
    _ reader: inout JSONReader, _ name: String, _ target: inout CocoAnnotations.Segmentation?
  ) throws(ScrlError) {
    switch try reader.kind() {
    case .null:
      try reader.null()
    case .object:
      try field(&reader, name, .object, "run lengths with size and counts", &target) {
        (reader) throws(ScrlError) in try runLengths(&reader)
      }
    default:
      try field(&reader, name, .array, "polygons or run lengths", &target) {
        (reader) throws(ScrlError) in
        var polygons: [[Double]] = []
        var isGood = true
        try reader.array { (reader) throws(ScrlError) in
          guard let polygon = try numbers(&reader) else { return isGood = false }
          polygons.append(polygon)
        }
        guard isGood else { return nil }
        return polygons.isEmpty ? CocoAnnotations.Segmentation.none : .polygons(polygons)
      }
    }
  }
}

/// The numbers of an array; nil, and the value passed over, when it is anything else.
func numbers(_ reader: inout JSONReader) throws(ScrlError) -> [Double]? {
  guard try reader.kind() == .array else {
    try reader.skip()
    return nil
  }
  var values: [Double] = []
  var isGood = true
  try reader.array { (reader) throws(ScrlError) in
    guard try reader.kind() == .number else { return isGood = false }
    values.append(try reader.number())
  }
  return isGood ? values : nil
}

/// {"size": [height, width], "counts": text or list}; nil for anything else.
private func runLengths(
  _ reader: inout JSONReader
) throws(ScrlError) -> CocoAnnotations.Segmentation? {
  var size: CocoAnnotations.Size?
  var text: String?
  var counts: [UInt32]?
  var isGood = true
  try reader.object { (reader, name) throws(ScrlError) in
    switch (name, try reader.kind()) {
    case ("size", .array):
      let sides = 1...Double(DatasetFormat.longestSide)
      guard size == nil, let pair = try numbers(&reader), pair.count == 2,
        pair.allSatisfy({ sides.contains($0) && $0 == $0.rounded() })
      else { return isGood = false }
      size = CocoAnnotations.Size(height: Int(pair[0]), width: Int(pair[1]))
    case ("counts", .string):
      isGood = isGood && text == nil && counts == nil
      text = try reader.string()
    case ("counts", .array):
      isGood = isGood && text == nil && counts == nil
      var runs: [UInt32] = []
      try reader.array { (reader) throws(ScrlError) in
        guard try reader.kind() == .number, let run = try reader.integer(),
          let run = UInt32(exactly: run)
        else { return isGood = false }
        runs.append(run)
      }
      counts = runs
    case ("size", _), ("counts", _): isGood = false
    default: break
    }
  }
  guard isGood, let size else { return nil }
  if let text { return .compressed(text, size) }
  return counts.map { .counts($0, size) }
}
