// A COCO results list as plain values: [{"image_id", "category_id", "bbox" or "segmentation",
// "score"}, …]. Or an object with that list as "annotations" and the "categories" that its ids are
// of, as tools write that keep predictions like annotations. Other text is an error; an entry that
// is not well formed is left out and listed. Not here: whether images and classes are known, what is drawn of the masks.

import ScrlBase

package struct CocoResults: Sendable {
  package struct Entry: Equatable, Sendable {
    package let place: Int  // in the list, from 0
    package let imageID: Int64
    package let categoryID: Int64
    package let box: CocoAnnotations.Box?
    package let score: Double
    package let segmentation: CocoAnnotations.Segmentation
  }

  package struct Problem: Equatable, Sendable {
    package let place: Int
    package let reason: String
  }

  package private(set) var entries: [Entry] = []
  package private(set) var problems: [Problem] = []
  package private(set) var count = 0
  /// What the category ids mean; nil: the text does not tell, they are the ground truth's.
  package private(set) var categories: [CocoAnnotations.Category]?

  /// - Parameter source: what errors call the text, such as its path.
  package init(json: [UInt8], source: String) throws(ScrlError) {
    var reader = JSONReader(json, source: source, takesNonFinite: true)
    switch try reader.kind() {
    case .array: try readEntries(&reader)
    case .object:
      var seen: Set<String> = []
      try reader.object { (reader, name) throws(ScrlError) in
        guard ["annotations", "categories"].contains(name) else { return }
        guard seen.insert(name).inserted else {
          throw reader.failure("a second list \"\(name)\"")
        }
        if name == "annotations" {
          try readEntries(&reader)
        } else {
          categories = try readCategories(&reader)
        }
      }
      guard seen.contains("annotations") else {
        throw reader.failure(
          "got an object without \"annotations\", expected a list of COCO results, or an object "
            + "with annotations and categories")
      }
    case let kind:
      throw reader.failure("got \(kind.phrase), expected a list of COCO results")
    }
    try reader.finish()
  }

  private mutating func readEntries(_ reader: inout JSONReader) throws(ScrlError) {
    try reader.array { (reader) throws(ScrlError) in
      try readEntry(&reader)
      count += 1
    }
  }

  private mutating func readEntry(_ reader: inout JSONReader) throws(ScrlError) {
    var fields = FieldReader()
    var (image, category): (Int64?, Int64?)
    var box: CocoAnnotations.Box?
    var score: Double?
    var segmentation: CocoAnnotations.Segmentation?
    try fields.object(&reader) { (reader, fields, key) throws(ScrlError) in
      switch key {
      case "image_id": try fields.integer(&reader, key, &image)
      case "category_id": try fields.integer(&reader, key, &category)
      case "score": try fields.number(&reader, key, &score)
      case "segmentation": try fields.segmentation(&reader, key, &segmentation)
      case "bbox":
        // An empty list stands for no box: some programs write it beside masks.
        guard let sides = try numbers(&reader), sides.isEmpty || sides.count == 4 else {
          return fields.reject("bbox is not four numbers")
        }
        guard sides.count == 4 else { return }
        box = CocoAnnotations.Box(x: sides[0], y: sides[1], width: sides[2], height: sides[3])
      default: break
      }
    }
    fields.require(image, "image_id")
    fields.require(category, "category_id")
    fields.require(score, "score")
    if let score, !score.isFinite {
      fields.reject("score is \(score), expected a finite number")
    }
    guard fields.reason == nil, let image, let category, let score else {
      problems.append(Problem(place: count, reason: fields.reason ?? "is not well formed"))
      return
    }
    entries.append(
      Entry(
        place: count, imageID: image, categoryID: category, box: box, score: score,
        segmentation: segmentation ?? .none))
  }
}

/// The categories that detections are of: a list of {"id", "name"}, or an object with it as
/// "categories", such as a COCO annotation file. A category may lack a name.
/// - Parameter source: what errors call the text, such as its path.
package func cocoCategories(
  json: [UInt8], source: String
) throws(ScrlError) -> [CocoAnnotations.Category] {
  var reader = JSONReader(json, source: source, takesNonFinite: true)
  var found: [CocoAnnotations.Category]?
  if try reader.kind() == .object {
    try reader.object { (reader, name) throws(ScrlError) in
      guard name == "categories" else { return }
      guard found == nil else { throw reader.failure("a second list \"categories\"") }
      found = try readCategories(&reader)
    }
  } else {
    found = try readCategories(&reader)
  }
  try reader.finish()
  guard let found else { throw reader.failure("got an object without \"categories\"") }
  return found
}

private func readCategories(
  _ reader: inout JSONReader
) throws(ScrlError) -> [CocoAnnotations.Category] {
  var categories: [CocoAnnotations.Category] = []
  try reader.array { (reader) throws(ScrlError) in
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
    if let id, id < 0 { fields.reject("id is \(id), expected 0 or more") }
    guard fields.reason == nil, let id else {
      throw reader.failure("category \(categories.count) \(fields.reason ?? "has no id")")
    }
    categories.append(CocoAnnotations.Category(id: id, name: name ?? ""))
  }
  return categories
}
