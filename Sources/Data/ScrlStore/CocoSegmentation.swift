// The masks of COCO's entries: run lengths, and polygons also where they are nested in another way
// than COCO nests them: one list too many or too few, points as pairs.

import ScrlBase

extension FieldReader {
  /// - Parameter fault: why there is none; nil also where the entry has no such field.
  mutating func segmentation(
    _ reader: inout JSONReader, _ name: String,
    _ target: inout CocoAnnotations.Segmentation?, _ fault: inout CocoReason?
  ) throws(ScrlError) {
    let wrong: String?
    if try reader.kind() == .object {
      wrong = try field(&reader, name, [.object], "run lengths with size and counts", &target) {
        (reader, _) throws(ScrlError) in try runLengths(&reader)
      }
    } else {
      wrong = try field(&reader, name, [.array], "polygons or run lengths", &target) {
        (reader, fields) throws(ScrlError) in try fields.polygons(&reader)
      }
    }
    if let wrong { fault = fault ?? CocoReason("unusable segmentation", wrong) }
  }

  private mutating func polygons(
    _ reader: inout JSONReader
  ) throws(ScrlError) -> CocoAnnotations.Segmentation? {
    let start = reader
    var pieces: [[Double]] = []
    var isPlain = true
    var inside = self
    try reader.array { (reader) throws(ScrlError) in
      guard isPlain, try reader.kind() == .array, let piece = try inside.numbers(&reader) else {
        return isPlain = false
      }
      pieces.append(piece)
    }
    let arePoints = pieces.count > 2 && pieces.allSatisfy { $0.count == 2 }
    if isPlain, !arePoints {
      self = inside
    } else {
      reader = start
      guard let found = polygonPieces(try shape(&reader)) else { return nil }
      pieces = found
      reshaped += 1
    }
    // Empty pieces are how some programs write "no mask".
    return pieces.allSatisfy(\.isEmpty) ? CocoAnnotations.Segmentation.none : .polygons(pieces)
  }

  private mutating func shape(_ reader: inout JSONReader) throws(ScrlError) -> Shape {
    guard try reader.kind() == .array else {
      return try number(&reader).map { .number($0) } ?? .other
    }
    var parts: [Shape] = []
    var inside = self
    try reader.array { (reader) throws(ScrlError) in parts.append(try inside.shape(&reader)) }
    self = inside
    return .list(parts)
  }
}

private indirect enum Shape {
  case number(Double)
  case list([Shape])
  case other

  var pair: [Double]? {
    guard case .list(let parts) = self, parts.count == 2, case .number(let x) = parts[0],
      case .number(let y) = parts[1]
    else { return nil }
    return [x, y]
  }

  var isList: Bool { if case .list = self { true } else { false } }
}

/// x0, y0, x1, y1, … of every polygon; what is no number is NaN, so that its piece is told of.
private func polygonPieces(_ shape: Shape) -> [[Double]]? {
  guard case .list(let parts) = shape else { return nil }
  let pairs = parts.compactMap(\.pair)
  if pairs.count == parts.count, pairs.count > 2 { return [pairs.flatMap { $0 }] }
  guard parts.contains(where: \.isList) else {
    let values = parts.map { if case .number(let value) = $0 { value } else { Double.nan } }
    return values.contains(where: \.isFinite) || values.isEmpty ? [values] : nil
  }
  return parts.flatMap { polygonPieces($0) ?? [[.nan]] }
}

/// {"size": [height, width], "counts": text or list}; nil for anything else.
private func runLengths(
  _ reader: inout JSONReader
) throws(ScrlError) -> CocoAnnotations.Segmentation? {
  var size: CocoAnnotations.Size?
  var text: String?
  var counts: [UInt32]?
  var isGood = true
  var fields = FieldReader()
  try reader.object { (reader, name) throws(ScrlError) in
    switch (name, try reader.kind()) {
    case ("size", .array):
      let sides = 1...Double(DatasetFormat.longestSide)
      guard size == nil, let pair = try fields.numbers(&reader), pair.count == 2,
        pair.allSatisfy({ sides.contains($0) && $0 == $0.rounded() })
      else { return isGood = false }
      size = CocoAnnotations.Size(height: Int(pair[0]), width: Int(pair[1]))
    case ("counts", .string):
      isGood = isGood && text == nil && counts == nil
      text = unwrapped(try reader.string())
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

/// The text within b'…', which is how Python shows the bytes that pycocotools makes. Compressed runs
/// have neither quotes nor a b before one.
private func unwrapped(_ text: String) -> String {
  let bytes = Array(text.utf8)
  guard bytes.count > 2, bytes[0] == UInt8(ascii: "b"), bytes[1] == bytes[bytes.count - 1],
    bytes[1] == UInt8(ascii: "'") || bytes[1] == UInt8(ascii: "\"")
  else { return text }
  var inside: [UInt8] = []
  var isEscaped = false
  for byte in bytes[2..<(bytes.count - 1)] {
    isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
    if !isEscaped { inside.append(byte) }
  }
  return String(decoding: inside, as: UTF8.self)
}
