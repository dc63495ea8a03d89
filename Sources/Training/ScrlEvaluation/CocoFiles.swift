// COCO's metrics of two files: annotations and a results list. What cannot be used is refused, or
// left out and listed: entries that are not well formed, name unknown images or classes, have
// numbers that are not finite, lack what the kind needs, or have masks that are none. What an entry
// can be without is ignored where it is of no use, as the import does, and a note counts it.
// As in pycocotools the first result decides what the areas of detections are: with a bbox those of
// the boxes (also for segm, and a result without a mask then has its box as mask), else the masks'.

import ScrlBase
import ScrlImage
import ScrlStore

/// - Parameters:
///   - categories: of the detections, instead of those that the results bring along.
///   - leavesOut: entries that cannot be used are listed; otherwise the first is an error.
///   - workers: do not change the result.
/// - Throws: `.data` naming the entry.
package func evaluateCoco(
  truth: CocoAnnotations, results: CocoResults, categories given: [CocoAnnotations.Category]? = nil,
  kind: CocoKind, limits: CocoLimits = .standard, leavesOut: Bool, workers: Workers = Workers()
) throws(ScrlError) -> CocoComparison {
  var desk = CocoDesk(truth, kind, leavesOut: leavesOut)
  var objects = try desk.objects(truth, workers)
  let classes = try CocoClasses(
    desk.categories, used: Set(objects.map(\.category)), given ?? results.categories,
    found: results.entries)
  let (detections, absent) = try desk.detections(results, classes, workers)
  let unknown = objects.count { !$0.isCrowd && classes.unknown.contains($0.category) }
  objects.removeAll { classes.unknown.contains($0.category) }
  let metrics = try evaluateCoco(
    groundTruth: objects, detections: detections, kind: kind, categories: desk.categories.count,
    limits: limits, workers: workers)
  var categories = desk.categories.map { CocoComparison.Category(id: $0.id, name: $0.name) }
  for object in objects {
    if object.isCrowd {
      categories[object.category].crowds += 1
    } else {
      categories[object.category].objects += 1
    }
  }
  desk.tellChanges()
  for detection in detections { categories[detection.category].detections += 1 }
  return CocoComparison(
    kind: kind, images: desk.imageCount, categories: categories, metrics: metrics,
    leftOut: desk.leftOut,
    notes: desk.notes + classes.notes(unknownObjects: unknown, absentDetections: absent)
      + metrics.notes,
    match: classes.match, unknownObjects: unknown, absentDetections: absent)
}

/// Turns entries into objects and detections, and keeps what did not pass.
private struct CocoDesk {
  let kind: CocoKind
  private let leavesOut: Bool
  private(set) var categories: [CocoAnnotations.Category] = []  // by id
  private(set) var leftOut: [CocoLeftOut] = []
  private(set) var notes: [String] = []
  private var failure: ScrlError?
  private var changes: [String: (count: Int, first: String)] = [:]  // by kind
  private var rankOfImage: [Int64: Int] = [:]
  private var sizes: [CocoAnnotations.Size?] = []
  private var placeOfCategory: [Int64: Int] = [:]

  var imageCount: Int { sizes.count }

  init(_ truth: CocoAnnotations, _ kind: CocoKind, leavesOut: Bool) {
    self.kind = kind
    self.leavesOut = leavesOut
    notes = truth.notes.map(\.text)
    if !truth.hasAnnotations {
      failure = ScrlError(
        .data, "coco: the ground truth has no list \"annotations\" · expected objects to find")
    }
    for problem in truth.problems {
      let name = problem.id.map { "\($0)" } ?? "\(problem.place) of the list"
      let list = problem.entry == .category ? "categories" : problem.entry.rawValue + "s"
      reject(list, "\(problem.entry.rawValue) \(name)", problem.reason.text)
    }
    // Ties between images go by id, whatever the file's order.
    for image in truth.images.sorted(by: { $0.id < $1.id }) {
      if rankOfImage[image.id] == nil {
        rankOfImage[image.id] = sizes.count
        sizes.append(image.size)
      } else {
        reject("images", "image \(image.id)", "a second image of this id")
      }
    }
    for category in truth.categories.sorted(by: { $0.id < $1.id }) {
      if placeOfCategory[category.id] == nil {
        placeOfCategory[category.id] = categories.count
        categories.append(category)
      } else {
        reject("categories", "category \(category.id)", "a second category of this id")
      }
    }
  }

  private mutating func reject(_ list: String, _ name: String, _ reason: String) {
    let entry = CocoLeftOut(list: list, name: name, reason: reason)
    leftOut.append(entry)
    if !leavesOut, failure == nil { failure = ScrlError(.data, "coco: \(entry.text)") }
  }

  private mutating func tellChanges(
    of annotation: CocoAnnotations.Annotation, _ name: String, _ drawing: Drawing?
  ) {
    if annotation.usableBox == nil {
      let text = annotation.boxRefusal + ": the box is that of its mask"
      change(CocoReason("box taken from the mask", text), of: name)
    }
    for reason in annotation.changes + (drawing?.faults ?? []) { change(reason, of: name) }
    if let fault = annotation.maskFault, kind == .bbox {
      change(CocoReason(fault.kind + " ignored", fault.text + ": ignored"), of: name)
    }
  }

  private mutating func change(_ reason: CocoReason, of name: String) {
    let old = changes[reason.kind] ?? (0, "\(name): \(reason.text)")
    changes[reason.kind] = (old.count + 1, old.first)
  }

  /// One note for each kind of change.
  mutating func tellChanges() {
    for (kind, change) in changes.sorted(by: { $0.key < $1.key }) {
      notes.append("\(change.count) × \(kind); first: \(change.first)")
    }
  }

  mutating func objects(
    _ truth: CocoAnnotations, _ workers: Workers
  ) throws(ScrlError) -> [CocoObject] {
    if let failure { throw failure }
    let found = truth.annotations
    let kind = kind
    let masks = drawn(found.count, workers) { [sizes, rankOfImage] place throws(ScrlError) in
      let annotation = found[place]
      guard kind == .segm || annotation.area == nil || annotation.usableBox == nil,
        let rank = rankOfImage[annotation.imageID]
      else { return nil }
      return try drawing(of: annotation.segmentation, size: sizes[rank])
    }
    var withoutArea = 0
    var objects: [CocoObject] = []
    for (place, annotation) in found.enumerated() {
      let name = "annotation \(annotation.id.map { "\($0)" } ?? "\(annotation.place) of the list")"
      var reason = refusal(annotation.imageID, annotation.categoryID)
      var drawing: Drawing?
      switch masks[place] {
      case .success(let mask): drawing = mask
      case .failure(let error):
        if kind == .segm {
          reason = reason ?? error.message
        } else {
          change(
            CocoReason("unusable segmentation ignored", "\(error.message): ignored"), of: name)
        }
      }
      if kind == .segm, drawing == nil {
        reason = reason ?? annotation.maskFault?.text ?? "has no segmentation"
      }
      let box = annotation.usableBox ?? drawing.map { CocoBox(bounds: $0.mask.bounds) }
      if box == nil { reason = reason ?? annotation.boxRefusal }
      if reason == nil { reason = sizeRefusal(drawing?.mask, annotation.imageID) }
      guard reason == nil, let box, let image = rankOfImage[annotation.imageID],
        let category = placeOfCategory[annotation.categoryID]
      else {
        reject("annotations", name, reason ?? "")
        continue
      }
      tellChanges(of: annotation, name, drawing)
      if annotation.area == nil { withoutArea += 1 }
      objects.append(
        CocoObject(
          image: image, category: category, box: box, area: annotation.area,
          isCrowd: annotation.isCrowd, mask: drawing?.mask, isCounted: annotation.id != 0))
    }
    if withoutArea > 0 {
      notes.append(
        "\(withoutArea) annotations have no area: that of their mask is used, or of their box")
    }
    if objects.contains(where: { !$0.isCounted && !$0.isCrowd }) {
      notes.append(
        "annotation 0: pycocotools never counts the id 0 as found, and so it is here · number "
          + "annotations from 1")
    }
    if let failure { throw failure }
    return objects
  }

  /// And how many were of a class that the ground truth lacks.
  mutating func detections(
    _ results: CocoResults, _ classes: CocoClasses, _ workers: Workers
  ) throws(ScrlError) -> ([CocoDetection], absent: Int) {
    for problem in results.problems {
      reject("detections", "detection \(problem.place) of the list", problem.reason)
    }
    notes += results.notes
    let found = results.entries
    let haveBoxes = found.first?.box != nil
    let masks = masks(of: found, haveBoxes: haveBoxes, workers)
    var detections: [CocoDetection] = []
    var absent = 0
    for (place, entry) in found.enumerated() {
      let name = "detection \(entry.place) of the list"
      var reason = refusal(entry.imageID, shown: results.shownImage(entry))
      var category: Int?
      switch classes.place(of: entry.categoryID) {
      case .known(let place): category = place
      case .foreign:
        absent += 1
        continue
      case .none:
        reason = reason ?? classes.refusal(of: results.shownCategory(entry))
      }
      // A box must not stand in for a mask that is broken.
      if kind == .segm || !haveBoxes { reason = reason ?? entry.maskFault }
      var drawing: RunLengths?
      switch masks[place] {
      case .success(let made):
        drawing = made?.mask
        for fault in made?.faults ?? [] { change(fault, of: name) }
      case .failure(let error): reason = reason ?? error.message
      }
      if haveBoxes, entry.box == nil {
        reason = reason ?? "has no bbox, expected one as in the first result"
      }
      if !haveBoxes, drawing == nil { reason = reason ?? "has neither bbox nor segmentation" }
      let box = entry.box.map { CocoBox($0) } ?? drawing.map { CocoBox(bounds: $0.bounds) }
      if let box, !box.hasFiniteArea {
        reason = reason ?? "bbox is \(box.text), expected finite numbers"
      }
      if reason == nil { reason = sizeRefusal(drawing, entry.imageID) }
      guard reason == nil, let box, let image = rankOfImage[entry.imageID], let category else {
        reject("detections", name, reason ?? "has no box")
        continue
      }
      detections.append(
        CocoDetection(
          image: image, category: category, box: box, score: entry.score,
          area: haveBoxes ? box.area : nil, mask: drawing))
    }
    if let failure { throw failure }
    return (detections, absent)
  }

  /// Of each detection its mask: its own, or its box's outline.
  private func masks(
    of found: [CocoResults.Entry], haveBoxes: Bool, _ workers: Workers
  ) -> [Result<Drawing?, ScrlError>] {
    drawn(found.count, workers) { [kind, sizes, rankOfImage] place throws(ScrlError) in
      let entry = found[place]
      // A box alone needs no drawing.
      guard kind == .segm || !haveBoxes, let rank = rankOfImage[entry.imageID] else { return nil }
      if let mask = try drawing(of: entry.segmentation, size: sizes[rank]) { return mask }
      guard haveBoxes, let box = entry.box else { return nil }
      let outline = CocoAnnotations.Segmentation.polygons([CocoBox(box).outline])
      return try drawing(of: outline, size: sizes[rank])
    }
  }

  /// Where the file tells no size of an image, its first mask does.
  private mutating func sizeRefusal(_ mask: RunLengths?, _ imageID: Int64) -> String? {
    guard kind == .segm, let mask, let rank = rankOfImage[imageID] else { return nil }
    let told = CocoAnnotations.Size(height: mask.height, width: mask.width)
    let known = sizes[rank] ?? told
    sizes[rank] = known
    guard told != known else { return nil }
    return "segmentation has size \(told.height)×\(told.width), an earlier one of image "
      + "\(imageID) \(known.height)×\(known.width)"
  }

  /// - Parameter shown: how messages show the id; nil: as a number.
  private func refusal(_ image: Int64, shown: String? = nil) -> String? {
    guard rankOfImage[image] == nil else { return nil }
    return "image_id \(shown ?? "\(image)") is no image of the ground truth"
  }

  private func refusal(_ image: Int64, _ category: Int64) -> String? {
    if let reason = refusal(image) { return reason }
    if placeOfCategory[category] == nil {
      return "category_id \(category) is no category of the ground truth"
    }
    return nil
  }
}
