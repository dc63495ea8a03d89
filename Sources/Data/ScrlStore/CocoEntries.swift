// The entries of a COCO file's three lists, one by one, and what is settled when all are read: ids
// that are text, classes without a name, what is told once for the whole file.

import ScrlBase

extension CocoAnnotations {
  mutating func readImage(_ reader: inout JSONReader, _ place: Int) throws(ScrlError) {
    var fields = FieldReader()
    var (id, width, height): (Int64?, Int64?, Int64?)
    var name: String?
    try fields.object(&reader) { (reader, fields, key) throws(ScrlError) in
      switch key {
      case "id": try fields.id(&reader, key, &imageIDs, &id)
      case "file_name": try fields.text(&reader, key, &name)
      case "width": try fields.integer(&reader, key, &width)
      case "height": try fields.integer(&reader, key, &height)
      default: break
      }
    }
    fields.require(id, "id")
    fields.require(name, "file_name")
    let sides: ClosedRange<Int64> = 1...Int64(DatasetFormat.longestSide)
    var size: Size?
    if let width, let height, sides.contains(width), sides.contains(height) {
      size = Size(height: Int(height), width: Int(width))
    } else if (width ?? height) != nil {
      let told = "\(width.map { "\($0)" } ?? "?")×\(height.map { "\($0)" } ?? "?")"
      fields.change(
        CocoReason(
          "width and height of no use: taken from the file",
          "width×height is \(told), expected both in \(sides): taken from the file"))
    }
    tally.quoted += fields.quoted
    if fields.fault == nil, let id, let name {
      images.append(Image(id: id, fileName: name, size: size, changes: fields.changes))
    } else {
      note(.image, place, id, id, fields)
    }
  }

  mutating func readCategory(_ reader: inout JSONReader, _ place: Int) throws(ScrlError) {
    var fields = FieldReader()
    var id: Int64?
    var name: String?
    try fields.object(&reader) { (reader, fields, key) throws(ScrlError) in
      switch key {
      case "id": try fields.id(&reader, key, &categoryIDs, &id)
      case "name": try fields.spareText(&reader, key, &name)
      default: break
      }
    }
    fields.require(id, "id")
    tally.quoted += fields.quoted
    guard fields.fault == nil, let id else { return note(.category, place, id, nil, fields) }
    let wrong: String? =
      switch name {
      case nil: "has no name"
      case let name? where name.isEmpty: "has an empty name"
      case let name? where name.utf8.contains(0): "has a name with a NUL"
      case let name? where name.utf8.count > DatasetFormat.longestName: "has too long a name"
      default: nil
      }
    if let wrong { unnamed.append((id, fields.changes.first ?? CocoReason(wrong))) }
    categories.append(Category(id: id, name: wrong == nil ? name ?? "" : ""))
  }

  mutating func readAnnotation(_ reader: inout JSONReader, _ place: Int) throws(ScrlError) {
    var fields = FieldReader()
    var (id, image, category): (Int64?, Int64?, Int64?)
    var box: Box?
    var area: Double?
    var (isCrowd, isDifficult): (Bool?, Bool?)
    var segmentation: Segmentation?
    var (boxFault, maskFault): (CocoReason?, CocoReason?)
    try fields.object(&reader) { (reader, fields, key) throws(ScrlError) in
      switch key {
      case "id": try fields.unusedID(&reader, key, &id)
      case "image_id": try fields.id(&reader, key, &imageIDs, &image)
      case "category_id": try fields.id(&reader, key, &categoryIDs, &category)
      case "bbox": try fields.box(&reader, key, &box, &boxFault)
      case "area": try fields.area(&reader, key, &area)
      case "iscrowd": try fields.flag(&reader, key, &isCrowd)
      case "difficult": try fields.flag(&reader, key, &isDifficult)
      case "segmentation": try fields.segmentation(&reader, key, &segmentation, &maskFault)
      default: break
      }
    }
    fields.require(image, "image_id")
    fields.require(category, "category_id")
    if box == nil || boxFault != nil {
      box = nil
      boxFault = boxFault ?? CocoReason("no bbox", "has no bbox")
    }
    if maskFault != nil { segmentation = Segmentation.none }
    let mask = segmentation ?? .none
    if box == nil, mask == .none, let boxFault { fields.reject(boxFault) }
    tally.count(id, fields)
    guard fields.fault == nil, let image, let category else {
      return note(.annotation, place, id, image, fields)
    }
    annotations.append(
      Annotation(
        id: id, place: place, imageID: image, categoryID: category, box: box, boxFault: boxFault,
        area: area, isCrowd: isCrowd ?? false, isDifficult: isDifficult ?? false,
        segmentation: mask, maskFault: maskFault, changes: fields.changes))
  }

  private mutating func note(
    _ entry: Entry, _ place: Int, _ id: Int64?, _ imageID: Int64?, _ fields: FieldReader
  ) {
    problems.append(
      Problem(
        entry: entry, place: place, id: id.flatMap { CocoIDs.isNumber($0) ? $0 : nil },
        imageID: imageID, reason: fields.fault ?? CocoReason("is not well formed")))
  }

  /// What can be said only when all lists are read.
  mutating func settle() {
    settleImageIDs()
    settleCategoryIDs()
    nameCategories()
    func times(_ count: Int, _ one: String, _ many: String) {
      if count > 0 { notes.append(CocoReason(count == 1 ? "1 \(one)" : "\(count) \(many)")) }
    }
    times(
      tally.quoted, "number is in quotes: taken as a number",
      "numbers are in quotes: taken as numbers")
    times(
      tally.reshaped, "segmentation is nested in another way than COCO's: taken as polygons",
      "segmentations are nested in another way than COCO's: taken as polygons")
    times(
      tally.repeated, "annotation repeats an id: annotation ids are used nowhere",
      "annotations repeat an id: annotation ids are used nowhere")
    times(
      tally.withoutID, "annotation has no id that is a number: annotation ids are used nowhere",
      "annotations have no id that is a number: annotation ids are used nowhere")
    if !hasAnnotations {
      notes.append(CocoReason("no list \"annotations\": the images have no objects"))
    }
    tally = Tally()
  }

  private mutating func settleImageIDs() {
    guard !imageIDs.isEmpty else { return }
    let defined = images.map(\.id) + problems.compactMap { $0.entry == .image ? $0.id : nil }
    imageIDs.settle(defined)
    let known = Set(images.map(\.id))
    let ids = imageIDs
    func settled(_ id: Int64) -> Int64 { ids.settled(id) { known.contains($0) } }
    for place in images.indices {
      let old = images[place]
      guard !CocoIDs.isNumber(old.id) else { continue }
      images[place] = Image(
        id: settled(old.id), fileName: old.fileName, size: old.size, changes: old.changes)
    }
    for place in annotations.indices {
      annotations[place].imageID = settled(annotations[place].imageID)
    }
    for place in problems.indices { problems[place].imageID = problems[place].imageID.map(settled) }
    tellNumbers(of: "image", ids.numbers)
  }

  private mutating func settleCategoryIDs() {
    guard !categoryIDs.isEmpty else { return }
    categoryIDs.settle(categories.map(\.id))
    let known = Set(categories.map(\.id))
    let ids = categoryIDs
    // A category_id that is no id but a name of the list means the class of that name.
    let named = Dictionary(categories.map { ($0.name, $0.id) }) { first, _ in first }
    func settled(_ id: Int64) -> Int64 {
      let found = ids.settled(id) { known.contains($0) }
      guard let text = ids.text(of: found), let other = named[text] else { return found }
      return ids.settled(other) { _ in false }
    }
    for place in annotations.indices {
      annotations[place].categoryID = settled(annotations[place].categoryID)
    }
    for place in unnamed.indices {
      unnamed[place].category = ids.settled(unnamed[place].category) { _ in false }
    }
    categories = categories.map {
      Category(id: ids.settled($0.id) { _ in false }, name: $0.name)
    }
    tellNumbers(of: "category", ids.numbers)
  }

  private mutating func tellNumbers(of list: String, _ numbers: [String: Int64]) {
    guard let first = numbers.min(by: { $0.value < $1.value }) else { return }
    notes.append(
      CocoReason(
        "\(numbers.count) \(list) ids are text and got numbers, such as \(first.value) for "
          + "\"\(first.key)\""))
  }

  /// Classes without a usable name are called by their ids; so are those that the file only uses.
  private mutating func nameCategories() {
    if categories.isEmpty, !annotations.isEmpty {
      for id in Set(annotations.map(\.categoryID)).sorted() {
        let text = categoryIDs.text(of: id)
        categories.append(Category(id: id, name: text ?? "class \(id)"))
      }
      if !categoryIDs.isEmpty {
        categoryIDs.settle(categories.map(\.id))
        let ids = categoryIDs
        categories = categories.map {
          Category(id: ids.settled($0.id) { _ in false }, name: $0.name)
        }
        for place in annotations.indices {
          annotations[place].categoryID = ids.settled(annotations[place].categoryID) { _ in false }
        }
      }
      notes.append(
        CocoReason("no categories: the \(categories.count) classes in use are named by their ids"))
    }
    guard !unnamed.isEmpty else { return }
    var taken = Set(categories.map(\.name))
    for (place, category) in categories.enumerated() where category.name.isEmpty {
      var name = "class \(category.id)"
      while !taken.insert(name).inserted { name += "'" }
      categories[place] = Category(id: category.id, name: name)
      let why = unnamed.first { $0.category == category.id }?.reason.text ?? "has no name"
      notes.append(CocoReason("category \(category.id): \(why), it is called \"\(name)\""))
    }
    unnamed = []
  }
}

extension CocoAnnotations.Tally {
  mutating func count(_ id: Int64?, _ fields: FieldReader) {
    quoted += fields.quoted
    reshaped += fields.reshaped
    if let id {
      if !ids.insert(id).inserted { repeated += 1 }
    } else if fields.fault?.kind != "no object of JSON" {
      withoutID += 1
    }
  }
}
