// A COCO results list as plain values: [{"image_id", "category_id", "bbox" or "segmentation",
// "score"}, …]. Or an object with that list as "annotations" and the "categories" that its ids are
// of, as tools write that keep predictions like annotations. Other text is an error; an entry that
// is not well formed is left out and listed. Not here: whether images and classes are known, what is drawn of the masks.

import ScrlBase

package struct CocoResults: Sendable {
  package struct Entry: Equatable, Sendable {
    package let place: Int  // in the list, from 0
    package var imageID: Int64
    package var categoryID: Int64
    package let box: CocoAnnotations.Box?
    package let score: Double
    package let segmentation: CocoAnnotations.Segmentation
    package let maskFault: String?  // why it has none, though the file tells one
  }

  package struct Problem: Equatable, Sendable {
    package let place: Int
    package let reason: String
  }

  package private(set) var entries: [Entry] = []
  package private(set) var problems: [Problem] = []
  package private(set) var count = 0
  package private(set) var notes: [String] = []  // how the file was understood
  /// What the category ids mean; nil: the text does not tell, they are the ground truth's.
  package private(set) var categories: [CocoAnnotations.Category]?
  private var imageIDs: CocoIDs
  private var categoryIDs: CocoIDs
  private var quoted = 0

  /// - Parameters:
  ///   - source: what errors call the text, such as its path.
  ///   - truth: whose ids that are text the results mean.
  package init(
    json: [UInt8], source: String, truth: CocoAnnotations? = nil
  ) throws(ScrlError) {
    imageIDs = truth?.imageIDs ?? CocoIDs()
    categoryIDs = truth?.categoryIDs ?? CocoIDs()
    let (text, mark) = try plainJSON(json, source: source)
    if let mark { notes.append(mark) }
    var reader = JSONReader(text, source: source, takesNonFinite: true)
    switch try reader.kind() {
    case .array: try readEntries(&reader)
    case .object: try readObject(&reader)
    case let kind:
      throw reader.failure("got \(kind.phrase), expected a list of COCO results")
    }
    try reader.finish()
    if quoted > 0 { notes.append("\(quoted) numbers are in quotes: taken as numbers") }
    settle(truth)
  }

  /// Results with the categories that they are of.
  private mutating func readObject(_ reader: inout JSONReader) throws(ScrlError) {
    var seen: Set<String> = []
    try reader.object { (reader, name) throws(ScrlError) in
      if name == "images" {
        notes.append(
          "the detections' own list \"images\" is passed over: their image ids are taken for the "
            + "ground truth's")
      }
      guard ["annotations", "categories"].contains(name) else { return }
      guard seen.insert(name).inserted else {
        throw reader.failure("a second list \"\(name)\"")
      }
      if name == "annotations" {
        try readEntries(&reader)
      } else {
        categories = try readCategories(&reader, &categoryIDs)
      }
    }
    guard seen.contains("annotations") else {
      throw reader.failure(
        "got an object without \"annotations\", expected a list of COCO results, or an object "
          + "with annotations and categories")
    }
  }

  private mutating func readEntries(_ reader: inout JSONReader) throws(ScrlError) {
    try reader.array { (reader) throws(ScrlError) in
      try readEntry(&reader)
      count += 1
    }
  }

  /// Ids that are text become the numbers that they have in the truth; those of categories of the
  /// results' own, the numbers that these get.
  private mutating func settle(_ truth: CocoAnnotations?) {
    guard !imageIDs.isEmpty || !categoryIDs.isEmpty else { return }
    let known = Set(truth?.images.map(\.id) ?? [])
    var classes: Set<Int64>
    var named: [String: Int64] = [:]
    if let categories {
      (self.categories, classes) = settled(categories, &categoryIDs)
    } else {
      named = Dictionary(truth?.categories.map { ($0.name, $0.id) } ?? []) { first, _ in first }
      classes = Set(named.values)
    }
    for place in entries.indices {
      let category = entries[place].categoryID
      entries[place].imageID = imageIDs.settled(entries[place].imageID) { known.contains($0) }
      entries[place].categoryID =
        categoryIDs.text(of: category).flatMap { named[$0] }
        ?? categoryIDs.settled(category) { classes.contains($0) }
    }
  }

  /// How a message shows an entry's ids.
  package func shownImage(_ entry: Entry) -> String { imageIDs.shown(entry.imageID) }
  package func shownCategory(_ entry: Entry) -> String { categoryIDs.shown(entry.categoryID) }

  private mutating func readEntry(_ reader: inout JSONReader) throws(ScrlError) {
    var fields = FieldReader()
    var (image, category): (Int64?, Int64?)
    var box: CocoAnnotations.Box?
    var score: Double?
    var segmentation: CocoAnnotations.Segmentation?
    var (boxFault, maskFault): (CocoReason?, CocoReason?)
    try fields.object(&reader) { (reader, fields, key) throws(ScrlError) in
      switch key {
      case "image_id": try fields.id(&reader, key, &imageIDs, &image)
      case "category_id": try fields.id(&reader, key, &categoryIDs, &category)
      case "score": try fields.score(&reader, key, &score)
      case "segmentation": try fields.segmentation(&reader, key, &segmentation, &maskFault)
      case "bbox": try fields.box(&reader, key, &box, &boxFault)
      default: break
      }
    }
    fields.require(image, "image_id")
    fields.require(category, "category_id")
    fields.require(score, "score")
    if let score, !score.isFinite {
      fields.reject(
        CocoReason("unusable score", "score is \(score), expected a finite number"))
    }
    if let boxFault { fields.reject(boxFault) }
    quoted += fields.quoted
    guard fields.fault == nil, let image, let category, let score else {
      problems.append(Problem(place: count, reason: fields.fault?.text ?? "is not well formed"))
      return
    }
    entries.append(
      Entry(
        place: count, imageID: image, categoryID: category, box: box, score: score,
        segmentation: maskFault == nil ? segmentation ?? .none : .none,
        maskFault: maskFault?.text))
  }
}

/// The categories that detections are of: a list of {"id", "name"}, or an object with it as
/// "categories", such as a COCO annotation file. A category may lack a name.
/// - Parameter source: what errors call the text, such as its path.
package func cocoCategories(
  json: [UInt8], source: String
) throws(ScrlError) -> [CocoAnnotations.Category] {
  var reader = JSONReader(
    try plainJSON(json, source: source).text, source: source, takesNonFinite: true)
  var found: [CocoAnnotations.Category]?
  var ids = CocoIDs()
  if try reader.kind() == .object {
    try reader.object { (reader, name) throws(ScrlError) in
      guard name == "categories" else { return }
      guard found == nil else { throw reader.failure("a second list \"categories\"") }
      found = try readCategories(&reader, &ids)
    }
  } else {
    found = try readCategories(&reader, &ids)
  }
  try reader.finish()
  guard let found else { throw reader.failure("got an object without \"categories\"") }
  return settled(found, &ids).categories
}

/// Categories with the numbers of ids that are text, and those numbers.
private func settled(
  _ categories: [CocoAnnotations.Category], _ ids: inout CocoIDs
) -> (categories: [CocoAnnotations.Category], numbers: Set<Int64>) {
  ids.settle(categories.map(\.id))
  let numbered = categories.map { each in
    CocoAnnotations.Category(id: ids.settled(each.id) { _ in false }, name: each.name)
  }
  return (numbered, Set(numbered.map(\.id)))
}

private func readCategories(
  _ reader: inout JSONReader, _ ids: inout CocoIDs
) throws(ScrlError) -> [CocoAnnotations.Category] {
  var categories: [CocoAnnotations.Category] = []
  try reader.array { (reader) throws(ScrlError) in
    var fields = FieldReader()
    var id: Int64?
    var name: String?
    try fields.object(&reader) { (reader, fields, key) throws(ScrlError) in
      switch key {
      case "id": try fields.id(&reader, key, &ids, &id)
      case "name": try fields.spareText(&reader, key, &name)
      default: break
      }
    }
    fields.require(id, "id")
    if let id, id < 0, CocoIDs.isNumber(id) {
      fields.reject(CocoReason("unusable id", "id is \(id), expected 0 or more"))
    }
    guard fields.fault == nil, let id else {
      throw reader.failure("category \(categories.count) \(fields.fault?.text ?? "has no id")")
    }
    categories.append(CocoAnnotations.Category(id: id, name: name ?? ""))
  }
  return categories
}
