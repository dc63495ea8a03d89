// A COCO results list as plain values: [{"image_id", "category_id", "bbox" or "segmentation",
// "score"}, …]. Text that is no JSON list is an error; an entry that is not well formed is left out
// and listed. Not here: whether images and classes are known, what is drawn of the masks.

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
  private var images: CocoIDs
  private var categories: CocoIDs
  private var quoted = 0

  /// - Parameters:
  ///   - source: what errors call the text, such as its path.
  ///   - truth: whose ids that are text the results mean.
  package init(
    json: [UInt8], source: String, truth: CocoAnnotations? = nil
  ) throws(ScrlError) {
    images = truth?.imageIDs ?? CocoIDs()
    categories = truth?.categoryIDs ?? CocoIDs()
    let (text, mark) = try plainJSON(json, source: source)
    if let mark { notes.append(mark) }
    var reader = JSONReader(text, source: source, takesNonFinite: true)
    guard try reader.kind() == .array else {
      throw reader.failure("got \(try reader.kind().phrase), expected a list of COCO results")
    }
    try reader.array { (reader) throws(ScrlError) in
      try readEntry(&reader)
      count += 1
    }
    try reader.finish()
    if quoted > 0 { notes.append("\(quoted) numbers are in quotes: taken as numbers") }
    settle(truth)
  }

  /// Ids that are text become the numbers that they have in the truth.
  private mutating func settle(_ truth: CocoAnnotations?) {
    guard !images.isEmpty || !categories.isEmpty else { return }
    let known = Set(truth?.images.map(\.id) ?? [])
    let named = Dictionary(truth?.categories.map { ($0.name, $0.id) } ?? []) { first, _ in first }
    let classes = Set(named.values)
    for place in entries.indices {
      let category = entries[place].categoryID
      entries[place].imageID = images.settled(entries[place].imageID) { known.contains($0) }
      entries[place].categoryID =
        categories.text(of: category).flatMap { named[$0] }
        ?? categories.settled(category) { classes.contains($0) }
    }
  }

  /// How a message shows an entry's ids.
  package func shownImage(_ entry: Entry) -> String { images.shown(entry.imageID) }
  package func shownCategory(_ entry: Entry) -> String { categories.shown(entry.categoryID) }

  private mutating func readEntry(_ reader: inout JSONReader) throws(ScrlError) {
    var fields = FieldReader()
    var (image, category): (Int64?, Int64?)
    var box: CocoAnnotations.Box?
    var score: Double?
    var segmentation: CocoAnnotations.Segmentation?
    var (boxFault, maskFault): (CocoReason?, CocoReason?)
    try fields.object(&reader) { (reader, fields, key) throws(ScrlError) in
      switch key {
      case "image_id": try fields.id(&reader, key, &images, &image)
      case "category_id": try fields.id(&reader, key, &categories, &category)
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
