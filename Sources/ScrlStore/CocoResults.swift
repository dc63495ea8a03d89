// A COCO results list as plain values: [{"image_id", "category_id", "bbox" or "segmentation",
// "score"}, …]. Text that is no JSON list is an error; an entry that is not well formed is left out
// and listed. Not here: whether images and classes are known, what is drawn of the masks.

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

  /// - Parameter source: what errors call the text, such as its path.
  package init(json: [UInt8], source: String) throws(ScrlError) {
    var reader = JSONReader(json, source: source, takesNonFinite: true)
    guard try reader.kind() == .array else {
      throw reader.failure("got \(try reader.kind().phrase), expected a list of COCO results")
    }
    try reader.array { (reader) throws(ScrlError) in
      try readEntry(&reader)
      count += 1
    }
    try reader.finish()
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
