// What of a COCO file goes into a dataset, and what does not and why. Nothing is changed in silence:
//   skipped   an entry without what it needs: an image that is not there or not of the size told, an
//             annotation without image, class, or a box of some area inside the image
//   clipped   a box or polygon that reaches over the image's edge (by more than a float32 can tell):
//             the part inside is kept, as pycocotools does when it draws polygons
//   changed   kept, with something ignored or made from the rest (CocoFitting.swift)
//   noted     how the file was understood; nothing is lost
// An image is skipped with all its annotations. Annotation ids are used nowhere.
// Not here: reading the text (CocoAnnotations.swift), opening images (the border does).

import ScrlBase
import ScrlImage

package struct CocoGate: Sendable {
  package typealias Size = CocoAnnotations.Size

  /// Usable categories in the order of their ids; a class's place here is what `numbers` maps.
  package private(set) var classes: [(id: Int32, name: String)] = []
  /// Usable images, in the file's order.
  package private(set) var images: [CocoAnnotations.Image] = []
  /// What cannot be used whatever the image files hold, and what is to be said of the file.
  package private(set) var issues: [CocoIssue] = []

  private let annotations: [CocoAnnotations.Annotation]
  private let imageIDs: CocoIDs
  private let categoryIDs: CocoIDs
  private var placeOfClass: [Int64: Int] = [:]
  private var ofImage: [[Int32]] = []  // places in `annotations`
  private var paths: [[UInt8]] = []  // of the images' files

  /// - Parameter files: where the images are; nil: below some folder, as their names say.
  package init(_ coco: CocoAnnotations, files: ListedFiles = ListedFiles(folder: nil)) {
    annotations = coco.annotations
    (imageIDs, categoryIDs) = (coco.imageIDs, coco.categoryIDs)
    for note in coco.notes { issues.append(CocoIssue(.file, .noted, id: nil, note)) }
    let names = Dictionary(coco.images.map { ($0.id, $0.fileName) }) { first, _ in first }
    for problem in coco.problems {
      let place = problem.id == nil ? "entry \(problem.place) of the list: " : ""
      issues.append(
        CocoIssue(
          problem.entry, .skipped, id: problem.id,
          file: problem.imageID.flatMap { names[$0] } ?? "",
          CocoReason(problem.reason.kind, place + problem.reason.text),
          objects: problem.entry == .annotation ? 1 : 0))
    }
    let doors = CocoCategories(coco)
    (classes, placeOfClass) = (doors.classes, doors.placeOfID)
    issues += doors.issues
    takeImages(CocoImages(coco, files), unclear: doors.unclear)
  }

  package func annotationCount(of image: Int) -> Int { ofImage[image].count }

  /// Whether all boxes lie in 0 … 1, as shares of the picture do and pixels do not.
  package var hasShares: Bool {
    let boxes = annotations.compactMap(\.box).filter { $0.width > 0 && $0.height > 0 }
    return !boxes.isEmpty
      && boxes.allSatisfy { box in
        box.x >= 0 && box.y >= 0 && box.x + box.width <= 1 && box.y + box.height <= 1
          && min(box.width, box.height) < 1
      }
  }

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

  /// The file of an image.
  package func path(of image: Int) -> [UInt8] { paths[image] }

  private mutating func takeImages(_ found: CocoImages, unclear: Set<Int64>) {
    (images, paths) = (found.images, found.paths)
    ofImage = [[Int32]](repeating: [], count: images.count)
    var lost = [Int](repeating: 0, count: found.issues.count)  // objects with each skipped image
    var notTaken: [CocoIssue] = []
    var merged: [MergedObject: Int64] = [:]
    for (place, annotation) in annotations.enumerated() {
      let image = found.placeOfID[annotation.imageID]
      if image == nil, let issue = found.issueOfID[annotation.imageID] {
        lost[issue] += 1
        continue
      }
      var reason: CocoReason?
      if image == nil {
        reason = CocoReason(
          "image_id of no image",
          "image_id \(imageIDs.shown(annotation.imageID)) is no usable image of the file")
      } else if unclear.contains(annotation.categoryID) {
        reason = CocoReason(
          "category_id of two categories",
          "category_id \(categoryIDs.shown(annotation.categoryID)) is that of two categories")
      } else if placeOfClass[annotation.categoryID] == nil {
        reason = CocoReason(
          "category_id of no category",
          "category_id \(categoryIDs.shown(annotation.categoryID)) is no usable category of the file"
        )
      } else if let image, found.merged.contains(image) {
        let object = MergedObject(image, placeOfClass[annotation.categoryID] ?? 0, annotation.box)
        let owner = merged[object]
        merged[object] = owner ?? annotation.imageID
        if let owner, owner != annotation.imageID {
          reason = CocoReason("repeats an object of the picture's other entry")
        }
      }
      if reason == nil, let image {
        ofImage[image].append(Int32(truncatingIfNeeded: place))
      } else if let reason {
        let file = image.map { images[$0].fileName } ?? ""
        notTaken.append(issue(.skipped, annotation, file, reason, objects: 1))
      }
    }
    for (issue, count) in zip(found.issues, lost) {
      let more = count == 0 ? "" : "; its annotations, \(count), go with it"
      issues.append(
        CocoIssue(
          issue.entry, issue.action, id: issue.id, file: issue.file,
          CocoReason(issue.kind, issue.reason + more), objects: count))
    }
    issues += notTaken
  }

  private func issue(
    _ action: CocoIssue.Action, _ annotation: CocoAnnotations.Annotation, _ file: String,
    _ reason: CocoReason, objects: Int = 0
  ) -> CocoIssue {
    let place = annotation.id == nil ? "entry \(annotation.place) of the list: " : ""
    return CocoIssue(
      .annotation, action, id: annotation.id, file: file,
      CocoReason(reason.kind, place + reason.text), objects: objects)
  }

  /// What the dataset keeps of an image that has this size, and what did not pass.
  /// - Parameter numbers: the dataset's number of each class.
  /// - Throws: `.data` when the file tells another size.
  package func sample(
    of image: Int, size: Size, numbers: [Int32]
  ) throws(ScrlError) -> (annotation: SampleAnnotation, issues: [CocoIssue], changed: Int) {
    let known = images[image]
    if let told = known.size, told != size {
      throw ScrlError(
        .data,
        "the image has \(size.width)×\(size.height) pixels, its annotations say "
          + "\(told.width)×\(told.height)")
    }
    var boxes: [AnnotatedBox] = []
    var issues: [CocoIssue] = known.changes.map {
      CocoIssue(.image, .changed, id: known.id, file: known.fileName, $0)
    }
    var changed = 0
    for place in ofImage[image] {
      let annotation = annotations[Int(place)]
      do throws(CocoRefusal) {
        let fitted = try CocoFitting(annotation, in: size)
        let label = placeOfClass[annotation.categoryID].map { numbers[$0] } ?? -1
        boxes.append(fitted.box(label: label))
        if let reason = fitted.clipped {
          issues.append(issue(.clipped, annotation, known.fileName, reason))
        }
        for reason in fitted.changes {
          issues.append(issue(.changed, annotation, known.fileName, reason))
        }
        if fitted.clipped != nil || !fitted.changes.isEmpty { changed += 1 }
      } catch {
        issues.append(issue(.skipped, annotation, known.fileName, error.reason, objects: 1))
      }
    }
    let sample = SampleAnnotation(boxes: boxes, imageID: known.id, name: known.fileName)
    return (sample, issues, changed)
  }
}

/// An object of a picture that the file lists twice.
private struct MergedObject: Hashable {
  let image: Int
  let label: Int
  let sides: [Double]

  init(_ image: Int, _ label: Int, _ box: CocoAnnotations.Box?) {
    (self.image, self.label) = (image, label)
    sides = box.map { [$0.x, $0.y, $0.width, $0.height] } ?? []
  }
}
