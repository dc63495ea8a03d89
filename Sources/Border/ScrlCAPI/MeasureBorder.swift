// What a detector and a dataset have to do with each other: scrl_detector_measure, the classes of
// both, the images that it learns from.

import CScrl
import ScrlBase
import ScrlDetection
import ScrlEvaluation
import ScrlStore
import ScrlTraining

extension scrl_measure_options: SizedStruct {}
extension scrl_detector_images: SizedStruct {}

@c @implementation
public func scrl_detector_measure(
  _ detector: OpaquePointer?, _ dataset: OpaquePointer?,
  _ options: UnsafePointer<scrl_measure_options>?,
  _ boxes: UnsafeMutablePointer<scrl_coco_metrics>?,
  _ masks: UnsafeMutablePointer<scrl_coco_metrics>?
) -> scrl_status {
  border { () throws(ScrlError) in
    try checkStruct(boxes, "detector_measure: boxes")
    try checkStruct(masks, "detector_measure: masks")
    let value =
      options == nil ? scrl_measure_options() : try readStruct(options, "detector_measure: options")
    let limits = try CocoLimits(value.max_detections, "detector_measure")
    let reader = try ScrlCAPI.dataset(dataset).reader
    let path =
      value.results == nil ? nil : try text(value.results, "detector_measure: results")
    let (progress, user): (scrl_measure_fn?, UnsafeMutableRawPointer?) = (
      value.progress, value.user
    )
    try withHandle(detector, DetectorHandle.self) { handle throws(ScrlError) in
      let made = try handle.detector.measure(
        reader, masks: masks != nil, limits: limits, results: path
      ) { done, total in
        guard let progress else { return true }
        return progress(done, total, user) == 0
      }
      if boxes != nil {
        let value = scrl_coco_metrics(made, made.boxes)
        try writeStruct(value, to: boxes, "detector_measure: boxes")
      }
      if let metrics = made.masks {
        let value = scrl_coco_metrics(made, metrics)
        try writeStruct(value, to: masks, "detector_measure: masks")
      }
    }
  }
}

extension scrl_coco_metrics {
  fileprivate init(_ made: DetectorFigures, _ metrics: CocoMetrics) {
    self.init(metrics)
    images = UInt64(made.images)
    (objects, crowds) = (UInt64(made.objects), UInt64(made.crowds))
    detections = UInt64(made.detections)
    left_out_truths = UInt64(made.leftOut)
    set(made.match)
    unknown_objects = UInt64(made.unknownObjects)
    absent_detections = UInt64(made.absentDetections)
  }
}

@c @implementation
public func scrl_detector_match_classes(
  _ detector: OpaquePointer?, _ dataset: OpaquePointer?,
  _ labels: UnsafeMutablePointer<Int32>?, _ category_ids: UnsafeMutablePointer<Int64>?,
  _ capacity: Int, _ count: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let classes = try ScrlCAPI.detector(detector).detector.classes
    let reader = try ScrlCAPI.dataset(dataset).reader
    count?.pointee = classes.count
    guard capacity != 0 else { return }
    guard room(capacity) >= classes.count, labels != nil || category_ids != nil else {
      throw ScrlError(
        .argument,
        "detector_match_classes: room for \(capacity) classes · expected \(classes.count)")
    }
    let known = try ClassesInDataset(classes, reader, for: "detector_match_classes")
    for place in 0..<classes.count {
      labels?[place] = known.labels[place].map { Int32(clamping: $0) } ?? -1
      category_ids?[place] = known.categoryIDs[place] ?? -1
    }
  }
}

@c @implementation
public func scrl_detector_count_images(
  _ detector: OpaquePointer?, _ images: UnsafeMutablePointer<scrl_detector_images>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(images, "detector_count_images")
    try withHandle(detector, DetectorHandle.self) { handle throws(ScrlError) in
      var value = scrl_detector_images()
      if let samples = handle.run?.task.samples {
        value.images = UInt64(samples.images.count)
        value.empty = UInt64(samples.takesEmpty ? samples.emptyCount : 0)
        value.left_out_empty = UInt64(samples.takesEmpty ? 0 : samples.emptyCount)
        value.left_out_vague = UInt64(samples.vagueCount)
        (value.boxes, value.masks) = (UInt64(samples.boxCount), UInt64(samples.maskCount))
      }
      try writeStruct(value, to: out, "detector_count_images")
    }
  }
}
