// A detector on a dataset: COCO's figures for boxes and masks, and the detections as COCO's results
// file. Boxes without a class are no objects; difficult ones count, as COCO knows no such mark.
// Classes go by name. Objects of a class that the detector lacks leave the figures, and so do its
// detections of a class that the dataset lacks; both are counted and told.

import ScrlBase
import ScrlEvaluation
import ScrlImage
import ScrlStore

package struct DetectorFigures {
  package let boxes: CocoMetrics
  package let masks: CocoMetrics?  // nil: not asked for
  package let images: Int  // that could be read
  package let leftOut: Int  // the others, with all their objects
  package let objects: Int  // without crowds
  package let crowds: Int
  package let detections: Int
  package let match: ClassMatch  // unknown: the dataset's classes that the detector lacks
  package let unknownObjects: Int  // without crowds, of those
  package let absentDetections: Int  // of classes that the dataset lacks
}

extension Detector {
  /// Images that cannot be read are left out with their objects; the log tells which.
  /// - Parameters:
  ///   - masks: whether masks are measured too; every object then needs one.
  ///   - limits: how many detections of an image and class count.
  ///   - results: where a COCO results file goes; nil: nowhere.
  ///   - listener: hears of images done and in all; false stops.
  package func measure(
    _ dataset: DatasetReader, masks: Bool, limits: CocoLimits = .standard, results: String?,
    listener: (Int, Int) -> Bool
  ) throws(ScrlError) -> DetectorFigures {
    guard hasMasks || !masks else {
      throw ScrlError(
        .state, "detector_measure: the detector makes no masks · expected detect.kind mask")
    }
    var objects = try dataset.objects(masks: masks)
    guard objects.contains(where: { !$0.isCrowd }) else {
      throw ScrlError(
        .data,
        "detector_measure: \(dataset.path): \(dataset.whyNoObject(unused: .crowd)) · expected objects "
          + "with a class that are no crowds")
    }
    let known = try ClassesInDataset(classes, dataset, for: "detector_measure")
    let unknown = try objects.keep(known)
    let file = try results.map { path throws(ScrlError) in
      try ResultsFile(path, known, dataset)
    }
    let seen = try look(at: dataset, known, masks: masks, file, listener: listener)
    try file?.finish()
    objects.removeAll { seen.unreadable.contains($0.image) }
    guard objects.contains(where: { !$0.isCrowd }) else {
      throw ScrlError(
        .data, "detector_measure: no image with objects could be read · expected JPEGs")
    }
    known.tell(unknownObjects: unknown, absentDetections: seen.absent)
    // An unmatched detection's range of size goes by its box when boxes are judged, as Detectron2
    // has it.
    func figures(_ kind: CocoKind) throws(ScrlError) -> CocoMetrics {
      let judged = kind == .segm ? seen.found : seen.found.map(\.withoutMask)
      return try evaluateCoco(
        groundTruth: objects, detections: judged, kind: kind, categories: classes.count,
        limits: limits, workers: engine.workers)
    }
    let boxes = try figures(.bbox)
    for note in boxes.notes { Log.shared.note("detector_measure: \(note)") }
    return DetectorFigures(
      boxes: boxes, masks: masks ? try figures(.segm) : nil,
      images: dataset.count - seen.unreadable.count, leftOut: seen.unreadable.count,
      objects: objects.count { !$0.isCrowd }, crowds: objects.count(where: \.isCrowd),
      detections: seen.found.count, match: known.mapping.match, unknownObjects: unknown,
      absentDetections: seen.absent)
  }

  private struct Seen {
    var found: [CocoDetection] = []  // of classes that the dataset has
    var unreadable: Set<Int> = []  // images
    var absent = 0  // detections of other classes
  }

  private func look(
    at dataset: DatasetReader, _ known: ClassesInDataset, masks: Bool, _ file: ResultsFile?,
    listener: (Int, Int) -> Bool
  ) throws(ScrlError) -> Seen {
    let codec = try JPEGCodec()
    var bytes: [UInt8] = []
    var picture = RGBImage()
    var seen = Seen()
    for index in 0..<dataset.count {
      if dataset.read(index, with: codec, &bytes, into: &picture) {
        let all = try detect(picture)
        let kept = all.filter { known.labels[$0.label] != nil }
        seen.absent += all.count - kept.count
        try file?.add(kept, image: index)
        seen.found += kept.map { each in
          CocoDetection(
            image: index, category: each.label, box: CocoBox(each.box),
            score: Double(each.score), mask: masks ? each.mask : nil)
        }
      } else {
        seen.unreadable.insert(index)
      }
      guard listener(index + 1, dataset.count) else {
        throw ScrlError(
          .cancelled, "detector_measure: stopped by the host after image \(index + 1)")
      }
    }
    return seen
  }
}

extension [CocoObject] {
  /// Gives objects the detector's classes and drops those of others.
  /// - Returns: how many were dropped, without crowds.
  fileprivate mutating func keep(_ known: ClassesInDataset) throws(ScrlError) -> Int {
    let all = count { !$0.isCrowd }
    self = compactMap { object in
      guard let label = known.mapping.numbers[object.category] else { return nil }
      var object = object
      object.category = label
      return object
    }
    guard !isEmpty else {
      throw ScrlError(
        .data,
        "detector_measure: got objects of \(listed(known.mapping.unknownNames)) alone · expected "
          + "objects of the detector's classes")
    }
    return all - count { !$0.isCrowd }
  }
}

extension ClassesInDataset {
  fileprivate func tell(unknownObjects: Int, absentDetections: Int) {
    let notes = [
      mapping.unknownNote.map { "\($0): \(unknownObjects) objects leave the figures" },
      mapping.absentNote.map { "\($0): \(absentDetections) detections leave the figures" },
    ]
    for note in mapping.notes + notes.compactMap({ $0 }) {
      Log.shared.note("detector_measure: \(note)")
    }
  }
}

extension CocoDetection {
  fileprivate var withoutMask: CocoDetection {
    CocoDetection(image: image, category: category, box: box, score: score)
  }
}

extension DatasetReader {
  /// False when an image cannot be read, which the log then tells.
  fileprivate func read(
    _ index: Int, with codec: JPEGCodec, _ bytes: inout [UInt8], into picture: inout RGBImage
  ) -> Bool {
    do throws(ScrlError) {
      try readJPEG(index, into: &bytes)
      try bytes.decode(with: codec, into: &picture)
      let (height, width) = size(of: index)
      guard (picture.height, picture.width) == (height, width) else {
        throw ScrlError(
          .data, "has \(picture.height)×\(picture.width) pixels · expected \(height)×\(width)")
      }
      return true
    } catch {
      Log.shared.note("detector: image \(index) left out: \(error)")
      return false
    }
  }

  fileprivate func objects(masks: Bool) throws(ScrlError) -> [CocoObject] {
    var objects: [CocoObject] = []
    for index in 0..<count {
      let (height, width) = size(of: index)
      for box in boxes(of: index) where box.label >= 0 {
        try box.checkLabel(image: index)
        let place = PixelBox(x0: box.x0, y0: box.y0, x1: box.x1, y1: box.y1)
        let mask = try box.mask.map { text throws(ScrlError) in
          try RunLengths(compressed: text, height: height, width: width)
        }
        objects.append(
          CocoObject(
            image: index, category: Int(box.label), box: CocoBox(place),
            area: box.area.map(Double.init) ?? mask.map { Double($0.area) },
            isCrowd: box.isCrowd, mask: masks ? mask : nil))
      }
    }
    return objects
  }
}

/// `[{"image_id": …, "category_id": …, "bbox": [x, y, w, h], "score": …, "segmentation": …}, …]`
private final class ResultsFile {
  private let file: NewTextFile
  private let classes: ClassesInDataset
  private let ids: [Int64]  // of the images
  private var isFirst = true

  init(
    _ path: String, _ classes: ClassesInDataset, _ dataset: DatasetReader
  ) throws(ScrlError) {
    file = try NewTextFile(path: path, replacing: .results)
    self.classes = classes
    ids = cocoImageIDs(dataset)
  }

  func add(_ detections: [Detection], image: Int) throws(ScrlError) {
    for each in detections {
      guard let category = classes.categoryIDs[each.label] else { continue }
      let box = CocoBox(each.box)
      var line =
        (isFirst ? "[\n" : ",\n") + "{\"image_id\": \(ids[image]), \"category_id\": "
        + "\(category), \"bbox\": [\(box.x), \(box.y), \(box.width), "
        + "\(box.height)], \"score\": \(each.score)"
      if let mask = each.mask {
        line +=
          ", \"segmentation\": {\"size\": [\(mask.height), \(mask.width)], \"counts\": "
          + jsonText(mask.compressed) + "}"
      }
      try file.write(line + "}")
      isFirst = false
    }
  }

  func finish() throws(ScrlError) {
    try file.write(isFirst ? "[]\n" : "]\n")
    try file.finish()
  }
}
