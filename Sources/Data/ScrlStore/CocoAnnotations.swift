// A COCO annotation file as plain values, read in one pass: images, categories, annotations. Fields
// that this library does not use are passed over. Text that is no JSON, or no COCO file, is an
// error; an entry without what it needs is left out and listed, for the caller to refuse or tell.
// What an entry can be without is ignored where it is of no use, and kept beside the entry as a
// change. A file without annotations or categories is one without objects or class names.
// Beyond COCO: an annotation's `difficult`, 0 or 1, for data sets that mark such objects.
// Not here: whether entries fit each other or their images (CocoGate.swift), results (detections).

import ScrlBase

package struct CocoAnnotations: Sendable {
  package struct Image: Equatable, Sendable {
    package let id: Int64
    package let fileName: String
    package let size: Size?  // nil: the file does not tell it
    package var changes: [CocoReason] = []  // what was ignored
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

  /// With a box, or a mask to take it from, or both.
  package struct Annotation: Equatable, Sendable {
    package let id: Int64?  // nil: none that is a number; nothing refers to it
    package let place: Int  // in the list, from 0
    package var imageID: Int64
    package var categoryID: Int64
    package let box: Box?
    package let boxFault: CocoReason?  // why it has none
    package let area: Double?
    package let isCrowd: Bool
    package let isDifficult: Bool
    package let segmentation: Segmentation
    package let maskFault: CocoReason?  // why it has none, though the file tells one
    package let changes: [CocoReason]  // what else was ignored
  }

  package enum Entry: String, Sendable { case image, category, annotation, file }

  /// An entry that is not well formed. `place` counts from 0 in its list.
  package struct Problem: Equatable, Sendable {
    package let entry: Entry
    package let place: Int
    package let id: Int64?
    package var imageID: Int64?
    package let reason: CocoReason
  }

  package var images: [Image] = []
  package var categories: [Category] = []
  package var annotations: [Annotation] = []
  package var problems: [Problem] = []
  package var notes: [CocoReason] = []  // how the file was understood
  package private(set) var hasAnnotations = false  // false: it has no such list

  var imageIDs = CocoIDs()
  var categoryIDs = CocoIDs()
  var unnamed: [(category: Int64, reason: CocoReason)] = []
  var tally = Tally()

  /// How often something was not written as COCO writes it.
  struct Tally {
    var quoted = 0
    var reshaped = 0
    var withoutID = 0
    var repeated = 0
    var ids: Set<Int64> = []
  }

  /// - Parameter source: what errors call the text, such as its path.
  package init(json: [UInt8], source: String) throws(ScrlError) {
    let (text, mark) = try plainJSON(json, source: source)
    if let mark { notes.append(CocoReason(mark)) }
    var reader = JSONReader(text, source: source, takesNonFinite: true)
    var seen: Set<String> = []
    guard try reader.kind() == .object else {
      throw reader.failure("got \(try reader.kind().phrase), expected a COCO file's object")
    }
    try reader.object { (reader, name) throws(ScrlError) in
      guard ["images", "categories", "annotations"].contains(name) else { return }
      if name != "images", try reader.kind() == .null { return }
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
    guard seen.contains("images") else {
      throw ScrlError(.format, "read \(source): not a COCO file: it has no list \"images\"")
    }
    hasAnnotations = seen.contains("annotations")
    settle()
  }
}
