// A COCO annotation file as plain values, read in one pass: images, categories, annotations. Fields
// that this library does not use are passed over. Text that is no JSON, or no COCO file, is an
// error; one entry that is not well formed is left out and listed, for the caller to refuse or tell.
// Beyond COCO: an annotation's `difficult`, 0 or 1, for data sets that mark such objects.
// Not here: whether entries fit each other or their images (CocoGate.swift), results (detections).

import ScrlBase

package struct CocoAnnotations: Sendable {
  package struct Image: Equatable, Sendable {
    package let id: Int64
    package let fileName: String
    package let size: Size?  // nil: the file does not tell it
  }

  package struct Size: Equatable, Sendable {
    package let height: Int
    package let width: Int

    package init(height: Int, width: Int) {
      self.height = height
      self.width = width
    }
  }

  package struct Category: Equatable, Sendable {
    package let id: Int64
    package let name: String
  }

  /// x, y of the top left corner and the sides, in pixels, as written.
  package struct Box: Equatable, Sendable {
    package let x: Double
    package let y: Double
    package let width: Double
    package let height: Double
  }

  package enum Segmentation: Equatable, Sendable {
    case none
    case polygons([[Double]])  // x0, y0, x1, y1, … each
    case counts([UInt32], Size)
    case compressed(String, Size)
  }

  package struct Annotation: Equatable, Sendable {
    package let id: Int64
    package let imageID: Int64
    package let categoryID: Int64
    package let box: Box
    package let area: Double?
    package let isCrowd: Bool
    package let isDifficult: Bool
    package let segmentation: Segmentation
  }

  package enum Entry: String, Sendable { case image, category, annotation }

  /// An entry that is not well formed. `place` counts from 0 in its list.
  package struct Problem: Equatable, Sendable {
    package let entry: Entry
    package let place: Int
    package let id: Int64?
    package let imageID: Int64?
    package let reason: String
  }

  package private(set) var images: [Image] = []
  package private(set) var categories: [Category] = []
  package private(set) var annotations: [Annotation] = []
  package private(set) var problems: [Problem] = []

  /// - Parameter source: what errors call the text, such as its path.
  package init(json: [UInt8], source: String) throws(ScrlError) {
    var reader = JSONReader(json, source: source, takesNonFinite: true)
    var seen: Set<String> = []
    guard try reader.kind() == .object else {
      throw reader.failure("got \(try reader.kind().phrase), expected a COCO file's object")
    }
    try reader.object { (reader, name) throws(ScrlError) in
      guard ["images", "categories", "annotations"].contains(name) else { return }
      guard seen.insert(name).inserted else {
        throw reader.failure("a second list \"\(name)\"")
      }
      var place = 0
      try reader.array { (reader) throws(ScrlError) in
        switch name {
        case "images": try readImage(&reader, place)
        case "categories": try readCategory(&reader, place)
        default: try readAnnotation(&reader, place)
        }
        place += 1
      }
    }
    try reader.finish()
    for name in ["images", "categories", "annotations"] where !seen.contains(name) {
      throw ScrlError(.format, "read \(source): not a COCO file: it has no list \"\(name)\"")
    }
  }

  private mutating func readImage(_ reader: inout JSONReader, _ place: Int) throws(ScrlError) {
    var fields = FieldReader()
    var (id, width, height): (Int64?, Int64?, Int64?)
    var name: String?
    try fields.object(&reader) { (reader, fields, key) throws(ScrlError) in
      switch key {
      case "id": try fields.integer(&reader, key, &id)
      case "file_name": try fields.text(&reader, key, &name)
      case "width": try fields.integer(&reader, key, &width)
      case "height": try fields.integer(&reader, key, &height)
      default: break
      }
    }
    fields.require(id, "id")
    fields.require(name, "file_name")
    if (width == nil) != (height == nil) { fields.reject("has only one of width and height") }
    var size: Size?
    if let width, let height {
      let sides: ClosedRange<Int64> = 1...Int64(DatasetFormat.longestSide)
      if sides.contains(width), sides.contains(height) {
        size = Size(height: Int(height), width: Int(width))
      } else {
        fields.reject("has \(width)×\(height) pixels, expected sides in \(sides)")
      }
    }
    if fields.reason == nil, let id, let name {
      images.append(Image(id: id, fileName: name, size: size))
    } else {
      note(.image, place, id, id, fields)
    }
  }

  private mutating func readCategory(_ reader: inout JSONReader, _ place: Int) throws(ScrlError) {
    var fields = FieldReader()
    var id: Int64?
    var name: String?
    try fields.object(&reader) { (reader, fields, key) throws(ScrlError) in
      switch key {
      case "id": try fields.integer(&reader, key, &id)
      case "name": try fields.text(&reader, key, &name)
      default: break
      }
    }
    fields.require(id, "id")
    fields.require(name, "name")
    if fields.reason == nil, let id, let name {
      categories.append(Category(id: id, name: name))
    } else {
      note(.category, place, id, nil, fields)
    }
  }

  private mutating func readAnnotation(
    _ reader: inout JSONReader, _ place: Int
  ) throws(ScrlError) {
    var fields = FieldReader()
    var (id, image, category): (Int64?, Int64?, Int64?)
    var box: Box?
    var area: Double?
    var (isCrowd, isDifficult): (Bool?, Bool?)
    var segmentation: Segmentation?
    try fields.object(&reader) { (reader, fields, key) throws(ScrlError) in
      switch key {
      case "id": try fields.integer(&reader, key, &id)
      case "image_id": try fields.integer(&reader, key, &image)
      case "category_id": try fields.integer(&reader, key, &category)
      case "bbox": try fields.box(&reader, key, &box)
      case "area": try fields.number(&reader, key, &area)
      case "iscrowd": try fields.flag(&reader, key, &isCrowd)
      case "difficult": try fields.flag(&reader, key, &isDifficult)
      case "segmentation": try fields.segmentation(&reader, key, &segmentation)
      default: break
      }
    }
    fields.require(id, "id")
    fields.require(image, "image_id")
    fields.require(category, "category_id")
    fields.require(box, "bbox")
    if fields.reason == nil, let id, let image, let category, let box {
      annotations.append(
        Annotation(
          id: id, imageID: image, categoryID: category, box: box, area: area,
          isCrowd: isCrowd ?? false, isDifficult: isDifficult ?? false,
          segmentation: segmentation ?? .none))
    } else {
      note(.annotation, place, id, image, fields)
    }
  }

  private mutating func note(
    _ entry: Entry, _ place: Int, _ id: Int64?, _ imageID: Int64?, _ fields: FieldReader
  ) {
    problems.append(
      Problem(
        entry: entry, place: place, id: id, imageID: imageID,
        reason: fields.reason ?? "is not well formed"))
  }
}

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
