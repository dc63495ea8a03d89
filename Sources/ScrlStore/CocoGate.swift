// What of a COCO file goes into a dataset, and what does not and why. Nothing is changed in silence:
//   skipped   an entry that is not well formed, repeats an id, names no image or category of the
//             file, has no area, a value that is not finite, a box or polygon wholly outside the
//             image, broken run lengths or those of another size
//   clipped   a box or polygon that reaches over the image's edge (by more than a float32 can tell):
//             the part inside is kept, as pycocotools does when it draws polygons
// An image is skipped with all its annotations: file missing or unreadable, another size than told.
// Not here: reading the text (CocoAnnotations.swift), opening images (the border does).

import ScrlBase
import ScrlImage

/// One entry that did not pass as it stands.
package struct CocoIssue: Equatable, Sendable {
  package enum Action: Sendable { case skipped, clipped }

  package let entry: CocoAnnotations.Entry
  package let action: Action
  package let id: Int64?
  package let file: String  // the image's file_name; "": none
  package let reason: String

  package init(
    _ entry: CocoAnnotations.Entry, _ action: Action, id: Int64?, file: String = "",
    _ reason: String
  ) {
    self.entry = entry
    self.action = action
    self.id = id
    self.file = file
    self.reason = reason
  }

  /// "annotation 17 of a.jpg: reason".
  package var text: String {
    var name = entry.rawValue
    if let id { name += " \(id)" }
    if !file.isEmpty { name += entry == .image ? " (\(file))" : " of \(file)" }
    return "\(name): \(reason)"
  }
}

package struct CocoGate: Sendable {
  package typealias Size = CocoAnnotations.Size

  /// Usable categories in the order of their ids; a class's place here is what `numbers` maps.
  package private(set) var classes: [(id: Int32, name: String)] = []
  /// Usable images, in the file's order.
  package private(set) var images: [CocoAnnotations.Image] = []
  /// What cannot be used whatever the image files hold.
  package private(set) var issues: [CocoIssue] = []

  private let annotations: [CocoAnnotations.Annotation]
  private var placeOfClass: [Int64: Int] = [:]
  private var ofImage: [[Int32]] = []  // places in `annotations`

  package init(_ coco: CocoAnnotations) {
    annotations = coco.annotations
    let names = Dictionary(coco.images.map { ($0.id, $0.fileName) }) { first, _ in first }
    for problem in coco.problems {
      let place = problem.id == nil ? "entry \(problem.place) of the list " : ""
      issues.append(
        CocoIssue(
          problem.entry, .skipped, id: problem.id,
          file: problem.imageID.flatMap { names[$0] } ?? "", place + problem.reason))
    }
    takeCategories(coco.categories)
    takeAnnotations(takeImages(coco.images))
  }

  package func annotationCount(of image: Int) -> Int { ofImage[image].count }

  /// The size that the file tells of an image, by itself or by a mask's run lengths.
  package func toldSize(of image: Int) -> Size? {
    if let size = images[image].size { return size }
    for place in ofImage[image] {
      switch annotations[Int(place)].segmentation {
      case .counts(_, let size), .compressed(_, let size): return size
      default: continue
      }
    }
    return nil
  }

  private mutating func takeCategories(_ categories: [CocoAnnotations.Category]) {
    var taken: [String: Int64] = [:]
    for category in categories.sorted(by: { $0.id < $1.id }) {
      var reason: String?
      if placeOfClass[category.id] != nil {
        reason = "a second category of this id"
      } else if let other = taken[category.name] {
        reason = "its name \"\(category.name)\" is that of category \(other)"
      } else if category.name.isEmpty || category.name.utf8.contains(0)
        || category.name.utf8.count > DatasetFormat.longestName
      {
        reason = "its name is empty, too long or has a NUL"
      }
      guard reason == nil, let id = Int32(exactly: category.id), id >= 0 else {
        issues.append(
          CocoIssue(
            .category, .skipped, id: category.id, reason ?? "its id is not in 0…\(Int32.max)"))
        continue
      }
      placeOfClass[category.id] = classes.count
      taken[category.name] = category.id
      classes.append((id, category.name))
    }
  }

  /// The places of the usable images by id.
  private mutating func takeImages(_ found: [CocoAnnotations.Image]) -> [Int64: Int] {
    var places: [Int64: Int] = [:]
    for image in found {
      var reason = refusal(ofName: image.fileName)
      if places[image.id] != nil { reason = "a second image of this id" }
      if image.id < 0 { reason = "its id is negative" }
      if let reason {
        issues.append(CocoIssue(.image, .skipped, id: image.id, file: image.fileName, reason))
        continue
      }
      places[image.id] = images.count
      images.append(image)
      ofImage.append([])
    }
    return places
  }

  private mutating func takeAnnotations(_ places: [Int64: Int]) {
    var ids: Set<Int64> = []
    for (place, annotation) in annotations.enumerated() {
      let image = places[annotation.imageID]
      var reason: String?
      if !ids.insert(annotation.id).inserted {
        reason = "a second annotation of this id"
      } else if image == nil {
        reason = "image_id \(annotation.imageID) is no usable image of the file"
      } else if placeOfClass[annotation.categoryID] == nil {
        reason = "category_id \(annotation.categoryID) is no usable category of the file"
      }
      if reason == nil, let image {
        ofImage[image].append(Int32(truncatingIfNeeded: place))
      } else {
        issues.append(
          CocoIssue(
            .annotation, .skipped, id: annotation.id,
            file: image.map { images[$0].fileName } ?? "", reason ?? ""))
      }
    }
  }

  /// What the dataset keeps of an image that has this size, and what did not pass.
  /// - Parameter numbers: the dataset's number of each class.
  /// - Throws: `.data` when the file tells another size.
  package func sample(
    of image: Int, size: Size, numbers: [Int32]
  ) throws(ScrlError) -> (annotation: SampleAnnotation, issues: [CocoIssue]) {
    let known = images[image]
    if let told = known.size, told != size {
      throw ScrlError(
        .data,
        "the image has \(size.width)×\(size.height) pixels, its annotations say "
          + "\(told.width)×\(told.height)")
    }
    var boxes: [AnnotatedBox] = []
    var issues: [CocoIssue] = []
    for place in ofImage[image] {
      let annotation = annotations[Int(place)]
      do throws(ScrlError) {
        let fitted = try Fitting(annotation, in: size)
        let label = placeOfClass[annotation.categoryID].map { numbers[$0] } ?? -1
        boxes.append(fitted.box(label: label))
        guard let reason = fitted.clipped else { continue }
        issues.append(
          CocoIssue(.annotation, .clipped, id: annotation.id, file: known.fileName, reason))
      } catch {
        guard error.code == .data || error.code == .format else { throw error }
        issues.append(
          CocoIssue(.annotation, .skipped, id: annotation.id, file: known.fileName, error.message))
      }
    }
    let sample = SampleAnnotation(boxes: boxes, imageID: known.id, name: known.fileName)
    return (sample, issues)
  }
}

/// A file may name images below the folder, and nothing else of the machine.
private func refusal(ofName name: String) -> String? {
  if name.isEmpty || name.utf8.contains(0) || name.utf8.count > DatasetFormat.longestName {
    return "its file_name is empty, too long or has a NUL"
  }
  if name.hasPrefix("/") || name.split(separator: "/").contains("..") {
    return "its file_name leads out of the folder"
  }
  return nil
}

/// One annotation, fitted into its image.
private struct Fitting {
  private(set) var clipped: String?
  private let annotation: CocoAnnotations.Annotation
  private var corners: (x0: Float, y0: Float, x1: Float, y1: Float)
  private var mask: RunLengths?

  init(
    _ annotation: CocoAnnotations.Annotation, in size: CocoAnnotations.Size
  ) throws(ScrlError) {
    self.annotation = annotation
    corners = (0, 0, 0, 0)
    try fitBox(annotation.box, size)
    if let area = annotation.area, !(area >= 0 && area <= Double(Float.greatestFiniteMagnitude)) {
      throw ScrlError(.data, "its area is \(area), expected finite and 0 or more")
    }
    try fitMask(annotation.segmentation, size)
  }

  func box(label: Int32) -> AnnotatedBox {
    var flags: BoxFlags = []
    if annotation.isCrowd { flags.insert(.crowd) }
    if annotation.isDifficult { flags.insert(.difficult) }
    return AnnotatedBox(
      x0: corners.x0, y0: corners.y0, x1: corners.x1, y1: corners.y1, label: label,
      mask: mask?.compressed, area: annotation.area.map { Float($0) }, flags: flags)
  }

  private mutating func fitBox(
    _ box: CocoAnnotations.Box, _ size: CocoAnnotations.Size
  ) throws(ScrlError) {
    let sides = [box.x, box.y, box.width, box.height]
    guard sides.allSatisfy({ abs($0) <= farthest }) else {
      throw ScrlError(.data, "its bbox is \(sides), expected finite numbers of pixels")
    }
    let (x0, x1) = (Float(box.x), Float(box.x + box.width))
    let (y0, y1) = (Float(box.y), Float(box.y + box.height))
    guard x0 < x1, y0 < y1 else {
      throw ScrlError(.data, "its bbox \(sides) has no area")
    }
    let (width, height) = (Float(size.width), Float(size.height))
    corners = (max(0, x0), max(0, y0), min(width, x1), min(height, y1))
    guard corners.x0 < corners.x1, corners.y0 < corners.y1 else {
      throw ScrlError(
        .data, "its bbox \(sides) lies outside the image of \(size.width)×\(size.height)")
    }
    if corners != (x0, y0, x1, y1) {
      clipped = "its bbox \(sides) reaches out of the image of \(size.width)×\(size.height)"
    }
  }

  private mutating func fitMask(
    _ segmentation: CocoAnnotations.Segmentation, _ size: CocoAnnotations.Size
  ) throws(ScrlError) {
    switch segmentation {
    case .none: break
    case .counts(let counts, let told):
      try check(told, size)
      let runs = counts.lazy.map { Int($0) }
      mask = try RunLengths(uncompressed: runs, height: size.height, width: size.width)
    case .compressed(let text, let told):
      try check(told, size)
      mask = try RunLengths(compressed: text, height: size.height, width: size.width)
    case .polygons(let polygons):
      for (number, polygon) in polygons.enumerated() { try check(polygon, number, size) }
      mask = try rasterise(polygons: polygons, height: size.height, width: size.width)
    }
    if let mask, mask.area == 0 { throw ScrlError(.data, "its segmentation covers no pixel") }
  }

  private func check(
    _ told: CocoAnnotations.Size, _ size: CocoAnnotations.Size
  ) throws(ScrlError) {
    guard told == size else {
      let has = "the image has \(size.width)×\(size.height)"
      throw ScrlError(
        .data, "its run lengths are of \(told.width)×\(told.height) pixels, \(has)")
    }
  }

  private mutating func check(
    _ polygon: [Double], _ number: Int, _ size: CocoAnnotations.Size
  ) throws(ScrlError) {
    guard polygon.count >= 6, polygon.count % 2 == 0 else {
      throw ScrlError(
        .data, "its polygon \(number) has \(polygon.count) numbers, expected an even count from 6")
    }
    guard polygon.allSatisfy({ abs($0) <= farthest }) else {
      throw ScrlError(.data, "its polygon \(number) has coordinates that are no pixels")
    }
    let x = stride(from: 0, to: polygon.count, by: 2).map { polygon[$0] }
    let y = stride(from: 1, to: polygon.count, by: 2).map { polygon[$0] }
    let (left, right) = (x.min() ?? 0, x.max() ?? 0)
    let (top, bottom) = (y.min() ?? 0, y.max() ?? 0)
    let (width, height) = (Double(size.width), Double(size.height))
    guard left < width, right > 0, top < height, bottom > 0 else {
      throw ScrlError(
        .data,
        "its polygon \(number) lies outside the image of \(size.width)×\(size.height)")
    }
    if clipped == nil, left < 0 || top < 0 || right > width || bottom > height {
      clipped =
        "its polygon \(number) reaches out of the image of \(size.width)×\(size.height)"
    }
  }
}

/// No picture has pixels beyond this; NaN and infinities are beyond it too.
private let farthest = Double(2 * DatasetFormat.longestSide)
