// The usable images and categories of a COCO file. Entries that repeat another are one with it;
// where two entries claim one id and annotations use it, it is unclear which is meant, and neither
// is used. Ids that a dataset cannot hold become the first free numbers.

import ScrlBase

/// Images by their ids and files.
struct CocoImages {
  private(set) var images: [CocoAnnotations.Image] = []
  private(set) var paths: [[UInt8]] = []
  private(set) var placeOfID: [Int64: Int] = [:]
  private(set) var issueOfID: [Int64: Int] = [:]  // of images that are not used
  private(set) var merged: Set<Int> = []  // places of images that are listed under two ids
  private(set) var issues: [CocoIssue] = []
  private var free: FreeIDs
  private var renumbered: [CocoReason] = []
  private var repeated = 0

  init(_ coco: CocoAnnotations, _ listed: ListedFiles) {
    free = FreeIDs(taken: Set(coco.images.map(\.id)))
    let answers = listed.places(of: coco.images.map(\.fileName))
    let annotated = Set(coco.annotations.map(\.imageID))
    var files: [Int64: Set<[UInt8]>] = [:]  // by id
    for (image, answer) in zip(coco.images, answers) {
      if case .found(let place) = answer { files[image.id, default: []].insert(place.path) }
    }
    var placeOfFile: [[UInt8]: Int] = [:]
    var notes: [String: [(String, String)]] = [:]
    for (image, answer) in zip(coco.images, answers) {
      switch answer {
      case .refused(let reason): skip(image, reason)
      case .found(let place):
        if files[image.id, default: []].count > 1, annotated.contains(image.id) {
          skip(
            image,
            CocoReason(
              "image id of two files", "its id is that of another file too, and is annotated"))
          continue
        }
        if let note = place.note {
          notes[note, default: []].append((image.fileName, displayText(place.path)))
        }
        take(image, place, &placeOfFile)
      }
    }
    for (note, names) in notes.sorted(by: { $0.key < $1.key }) {
      guard let first = names.first else { continue }
      let isGuess = ListedFiles.Place(name: "", path: [], note: note).isGuess
      issues.append(
        CocoIssue(
          .file, isGuess ? .changed : .noted, id: nil,
          CocoReason(note, "\(names.count) \(note), such as \"\(first.0)\": found as \(first.1)")))
    }
    if let first = renumbered.first {
      issues.append(
        CocoIssue(
          .file, .noted, id: nil,
          CocoReason(first.kind, "\(renumbered.count) \(first.kind), such as \(first.text)")))
    }
    if repeated > 0 {
      let kind = "image entries repeat another"
      issues.append(CocoIssue(.file, .noted, id: nil, CocoReason(kind, "\(repeated) \(kind)")))
    }
  }

  private mutating func skip(_ image: CocoAnnotations.Image, _ reason: CocoReason) {
    // Another entry of this id may have been used; its objects are then that one's.
    if placeOfID[image.id] == nil { issueOfID[image.id] = issueOfID[image.id] ?? issues.count }
    issues.append(
      CocoIssue(.image, .skipped, id: image.id, file: image.fileName, reason))
  }

  private mutating func take(
    _ image: CocoAnnotations.Image, _ place: ListedFiles.Place,
    _ placeOfFile: inout [[UInt8]: Int]
  ) {
    if let other = placeOfFile[place.path] {
      guard placeOfID[image.id] != other else { return repeated += 1 }
      placeOfID[image.id] = other
      merged.insert(other)
      issues.append(
        CocoIssue(
          .image, .changed, id: image.id, file: image.fileName,
          CocoReason(
            "a file listed under two ids: one image with the objects of both",
            "its file is that of image \(images[other].id): one image with the objects of both")))
      return
    }
    var id = image.id
    if id < 0 || placeOfID[id] != nil {
      id = free.next()
      renumbered.append(
        CocoReason(
          "image ids that are negative or taken got other numbers", "\(id) for \(image.id)"))
    }
    if placeOfID[image.id] == nil { placeOfID[image.id] = images.count }
    placeOfFile[place.path] = images.count
    images.append(
      CocoAnnotations.Image(id: id, fileName: place.name, size: image.size, changes: image.changes))
    paths.append(place.path)
  }
}

/// Categories by their ids and names.
struct CocoCategories {
  private(set) var classes: [(id: Int32, name: String)] = []
  private(set) var placeOfID: [Int64: Int] = [:]
  private(set) var unclear: Set<Int64> = []  // ids of two categories that annotations use
  private(set) var issues: [CocoIssue] = []

  init(_ coco: CocoAnnotations) {
    var uses: [Int64: Int] = [:]
    for annotation in coco.annotations { uses[annotation.categoryID, default: 0] += 1 }
    var names: [Int64: Set<String>] = [:]
    for category in coco.categories { names[category.id, default: []].insert(category.name) }
    unclear = Set(names.filter { $0.value.count > 1 && uses[$0.key] != nil }.keys)
    var free = FreeIDs(taken: Set(coco.categories.map(\.id)))
    var idsOfName: [String: [Int64]] = [:]
    var known: Set<Int64> = []
    for category in coco.categories.sorted(by: { $0.id < $1.id }) {
      if unclear.contains(category.id) {
        let reason = CocoReason(
          "category id of two names",
          "its id is that of another category too, and is used: \"\(category.name)\" is one of them"
        )
        issues.append(CocoIssue(.category, .skipped, id: category.id, reason))
        continue
      }
      var id = category.id
      let ids = idsOfName[category.name, default: []]
      if !known.insert(id).inserted {
        if ids.contains(id) { continue }
        id = free.next()
        tell("category \"\(category.name)\" has the id of another, \(category.id): it got \(id)")
      }
      idsOfName[category.name] = ids + [id]
    }
    var chosen: [(id: Int64, name: String, ids: [Int64])] = []
    for (name, ids) in idsOfName {
      // The id that annotations use most, the lowest of several.
      let best = ids.max { (uses[$0] ?? 0, $1) < (uses[$1] ?? 0, $0) } ?? ids[0]
      chosen.append((best, name, ids))
    }
    for (best, name, ids) in chosen.sorted(by: { $0.id < $1.id }) {
      if ids.count > 1 {
        let list = ids.map { "\($0)" }.joined(separator: ", ")
        tell("categories \(list) have the name \"\(name)\": one class, with the id \(best)")
      }
      var id = best
      if !(0...Int64(Int32.max)).contains(id) {
        id = free.next()
        tell("category \(best) (\"\(name)\") has an id outside 0…\(Int32.max): it got \(id)")
      }
      for each in ids { placeOfID[each] = classes.count }
      classes.append((Int32(truncatingIfNeeded: id), name))
    }
    sortClasses()
  }

  /// By their ids, as they are written.
  private mutating func sortClasses() {
    let order = classes.indices.sorted { classes[$0].id < classes[$1].id }
    var rank = [Int](repeating: 0, count: order.count)
    for (place, old) in order.enumerated() { rank[old] = place }
    classes = order.map { classes[$0] }
    placeOfID = placeOfID.mapValues { rank[$0] }
  }

  private mutating func tell(_ text: String) {
    issues.append(CocoIssue(.file, .noted, id: nil, CocoReason(text)))
  }
}
