// scrl_coco_evaluate

import CScrl
import ScrlBase
import ScrlEvaluation
import ScrlStore

extension scrl_coco_metrics_options: SizedStruct {}
extension scrl_coco_metrics: SizedStruct {}

@c @implementation
public func scrl_coco_evaluate(
  _ ground_truth: UnsafePointer<CChar>?, _ ground_truth_bytes: Int,
  _ detections: UnsafePointer<CChar>?, _ detection_bytes: Int, _ kind: Int32,
  _ options: UnsafePointer<scrl_coco_metrics_options>?,
  _ metrics: UnsafeMutablePointer<scrl_coco_metrics>?
) -> scrl_status {
  border { () throws(ScrlError) in
    try checkStruct(metrics, "coco_evaluate: metrics")
    let chosen =
      options == nil
      ? scrl_coco_metrics_options() : try readStruct(options, "coco_evaluate: options")
    try check(chosen)
    let overlap = try kindOfOverlap(kind)
    let limits = try CocoLimits(chosen.max_detections, "coco_evaluate")
    let truth = try CocoAnnotations(
      json: try copied(ground_truth, ground_truth_bytes, "ground_truth"), source: "ground truth")
    let results = try CocoResults(
      json: try copied(detections, detection_bytes, "detections"), source: "detections",
      truth: truth)
    let categories =
      chosen.categories == nil
      ? nil
      : try cocoCategories(
        json: try copied(chosen.categories, chosen.category_bytes, "categories"),
        source: "categories")
    let made = try evaluateCoco(
      truth: truth, results: results, categories: categories, kind: overlap, limits: limits,
      leavesOut: chosen.leave_out == 1, workers: Workers(Int(chosen.threads)))
    for note in made.notes { Log.shared.note("coco: \(note)") }
    if let details = chosen.details {
      var text = made.json(curves: chosen.curves == 1)
      text.withUTF8 { bytes in
        // The header promises a NUL.
        let ended = Array(bytes) + [0]
        ended.withUnsafeBytes { raw in
          details(raw.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, chosen.user)
        }
      }
    }
    if metrics != nil {
      try writeStruct(scrl_coco_metrics(made), to: metrics, "coco_evaluate: metrics")
    }
  }
}

private func check(_ options: scrl_coco_metrics_options) throws(ScrlError) {
  let flags = [("leave_out", options.leave_out), ("curves", options.curves)]
  for (name, value) in flags where value != 0 && value != 1 {
    throw ScrlError(.argument, "coco_evaluate: got \(name) \(value) · expected 0 or 1")
  }
  guard (0...256).contains(options.threads) else {
    throw ScrlError(
      .argument, "coco_evaluate: got threads \(options.threads) · expected 0 … 256")
  }
}

extension CocoLimits {
  /// Zeroes stand for COCO's.
  init(_ limits: (Int32, Int32, Int32), _ operation: String) throws(ScrlError) {
    guard limits != (0, 0, 0) else {
      self = .standard
      return
    }
    try self.init([limits.0, limits.1, limits.2].map { Int($0) }, operation)
  }
}

private func kindOfOverlap(_ kind: Int32) throws(ScrlError) -> CocoKind {
  switch Int(kind) {
  case Int(SCRL_COCO_BBOX): return .bbox
  case Int(SCRL_COCO_SEGM): return .segm
  default:
    throw ScrlError(
      .argument, "coco_evaluate: got kind \(kind) · expected SCRL_COCO_BBOX or SCRL_COCO_SEGM")
  }
}

private func copied(
  _ text: UnsafePointer<CChar>?, _ byteCount: Int, _ name: String
) throws(ScrlError) -> [UInt8] {
  guard let text else {
    throw ScrlError(.argument, "coco_evaluate: \(name) is NULL · expected JSON")
  }
  guard byteCount >= 0 else {
    throw ScrlError(.argument, "coco_evaluate: \(name) of more bytes than memory has")
  }
  return Array(UnsafeRawBufferPointer(start: text, count: byteCount))
}

extension scrl_coco_metrics {
  /// The twelve figures; the counts are the caller's.
  init(_ metrics: CocoMetrics) {
    self.init()
    categories = Int32(clamping: metrics.ofCategory.count)
    let figures = metrics.figures.values
    (ap, ap50, ap75) = (figures[0], figures[1], figures[2])
    (ap_small, ap_medium, ap_large) = (figures[3], figures[4], figures[5])
    (ar1, ar10, ar100) = (figures[6], figures[7], figures[8])
    (ar_small, ar_medium, ar_large) = (figures[9], figures[10], figures[11])
    let limits = metrics.limits.values.map { Int32(clamping: $0) }
    max_detections = (limits[0], limits[1], limits[2])
    uncounted = UInt64(metrics.uncounted)
  }

  fileprivate init(_ made: CocoComparison) {
    self.init(made.metrics)
    categories = Int32(clamping: made.categories.count)
    images = UInt64(made.images)
    for category in made.categories {
      objects += UInt64(category.objects)
      crowds += UInt64(category.crowds)
      detections += UInt64(category.detections)
    }
    let missing = made.leftOut.filter { $0.list == "detections" }.count
    left_out_detections = UInt64(missing)
    left_out_truths = UInt64(made.leftOut.count - missing)
    set(made.match)
    unknown_objects = UInt64(made.unknownObjects)
    absent_detections = UInt64(made.absentDetections)
  }
}
