// A detector on a dataset: COCO's figures for boxes and masks, and the detections as COCO's results
// file. Boxes without a class are no objects; difficult ones count, as COCO knows no such mark.

import ScrlBase
import ScrlEval
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
}

extension Detector {
  /// Images that cannot be read are left out with their objects; the log tells which.
  /// - Parameters:
  ///   - masks: whether masks are measured too; every object then needs one.
  ///   - results: where a COCO results file goes; nil: nowhere.
  ///   - listener: hears of images done and in all; false stops.
  package func measure(
    _ dataset: DatasetReader, masks: Bool, results: String?, listener: (Int, Int) -> Bool
  ) throws(ScrlError) -> DetectorFigures {
    guard hasMasks || !masks else {
      throw ScrlError(
        .state, "detector_measure: the detector makes no masks · expected detect.kind mask")
    }
    var objects = try dataset.objects(masks: masks)
    guard !objects.isEmpty else {
      throw ScrlError(
        .data, "detector_measure: \(dataset.path) has no box with a class · expected objects")
    }
    let file = try results.map { path throws(ScrlError) in try ResultsFile(path, self, dataset) }
    let codec = try JPEGCodec()
    var bytes: [UInt8] = []
    var picture = RGBImage()
    var found: [CocoDetection] = []
    var unreadable: Set<Int> = []
    for index in 0..<dataset.count {
      if dataset.read(index, with: codec, &bytes, into: &picture) {
        let seen = try detect(picture)
        try file?.add(seen, image: index)
        found += seen.map { each in
          CocoDetection(
            image: index, category: each.label, box: CocoBox(each.box),
            score: Double(each.score), mask: masks ? each.mask : nil)
        }
      } else {
        unreadable.insert(index)
      }
      guard listener(index + 1, dataset.count) else {
        throw ScrlError(
          .cancelled, "detector_measure: stopped by the host after image \(index + 1)")
      }
    }
    try file?.finish()
    objects.removeAll { unreadable.contains($0.image) }
    guard !objects.isEmpty else {
      throw ScrlError(
        .data, "detector_measure: no image with objects could be read · expected JPEGs")
    }
    let categories = max(classes.count, (objects.map(\.category).max() ?? 0) + 1)
    // An unmatched detection's range of size goes by its box when boxes are judged, as Detectron2
    // has it.
    func figures(_ kind: CocoKind) throws(ScrlError) -> CocoMetrics {
      let judged = kind == .segm ? found : found.map(\.withoutMask)
      return try evaluateCoco(
        groundTruth: objects, detections: judged, kind: kind, categories: categories,
        workers: engine.workers)
    }
    return DetectorFigures(
      boxes: try figures(.bbox), masks: masks ? try figures(.segm) : nil,
      images: dataset.count - unreadable.count, leftOut: unreadable.count,
      objects: objects.count { !$0.isCrowd }, crowds: objects.count(where: \.isCrowd),
      detections: found.count)
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
  private let classes: DetectorClasses
  private let ids: [Int64]  // of the images
  private var isFirst = true

  init(_ path: String, _ detector: Detector, _ dataset: DatasetReader) throws(ScrlError) {
    file = try NewTextFile(path: path, replacing: .results)
    classes = detector.classes
    ids = cocoImageIDs(dataset)
  }

  func add(_ detections: [Detection], image: Int) throws(ScrlError) {
    for each in detections {
      let box = CocoBox(each.box)
      var line =
        (isFirst ? "[\n" : ",\n") + "{\"image_id\": \(ids[image]), \"category_id\": "
        + "\(classes.categoryID(of: each.label)), \"bbox\": [\(box.x), \(box.y), \(box.width), "
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
