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
