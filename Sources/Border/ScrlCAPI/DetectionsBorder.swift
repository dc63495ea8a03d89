// scrl_detector_predict, scrl_detections_*

import CScrl
import Glibc
import ScrlBase
import ScrlDetection
import ScrlImage

extension scrl_detection: SizedStruct {}

final class DetectionsHandle: Handle, @unchecked Sendable {
  override class var kind: String { "detections" }
  let all: [Detection]
  let masks: [UnsafeMutablePointer<CChar>?]

  init(_ all: [Detection]) {
    self.all = all
    masks = all.map { detection in detection.mask.flatMap { strdup($0.compressed) } }
  }

  deinit { for mask in masks { free(mask) } }
}

@c @implementation
public func scrl_detector_predict(
  _ detector: OpaquePointer?, _ pixels: UnsafePointer<UInt8>?, _ height: Int, _ width: Int,
  _ row_stride: Int, _ detections: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  border { () throws(ScrlError) in
    guard let pixels else { throw ScrlError(.argument, "detector_predict: NULL pixels") }
    let out = try result(detections, "detector_predict")
    let image = try RGBImage(
      borrowing: pixels, height: height, width: width, rowStride: row_stride, "detector_predict")
    try withHandle(detector, DetectorHandle.self) { handle throws(ScrlError) in
      let found = try handle.detector.detect(image)
      out.pointee = Registry.shared.add(DetectionsHandle(found))
    }
  }
}

extension RGBImage {
  /// A copy of a host's pixels.
  fileprivate init(
    borrowing pixels: UnsafePointer<UInt8>, height: Int, width: Int, rowStride: Int,
    _ name: String
  ) throws(ScrlError) {
    let side = 1...RGBImage.maxSide
    guard side.contains(height), side.contains(width), height * width <= RGBImage.maxPixels,
      rowStride == 0 || rowStride >= 3 * width, rowStride <= Int(Int32.max)
    else {
      throw ScrlError(
        .argument,
        "\(name): got \(height)×\(width), row stride \(rowStride) · expected sides "
          + "1…\(RGBImage.maxSide), stride ≥ 3·width or 0")
    }
    let (line, stride) = (3 * width, rowStride == 0 ? 3 * width : rowStride)
    self.init(width: width, height: height)
    self.pixels.withUnsafeMutableBufferPointer { target in
      guard let base = target.baseAddress else { return }
      for row in 0..<height {
        (base + row * line).update(from: pixels + row * stride, count: line)
      }
    }
  }
}

@c @implementation
public func scrl_detections_count(
  _ detections: OpaquePointer?, _ count: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(count, "detections_count")
    out.pointee = try Registry.shared.find(detections, DetectionsHandle.self).all.count
  }
}

@c @implementation
public func scrl_detections_at(
  _ detections: OpaquePointer?, _ index: Int, _ detection: UnsafeMutablePointer<scrl_detection>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let handle = try Registry.shared.find(detections, DetectionsHandle.self)
    guard handle.all.indices.contains(index) else {
      throw ScrlError(
        .argument, "detections_at: index \(index) · expected 0..<\(handle.all.count)")
    }
    let known = handle.all[index]
    var value = scrl_detection()
    value.label = Int32(clamping: known.label)
    value.score = known.score
    value.box = (known.box.x0, known.box.y0, known.box.x1, known.box.y1)
    value.mask = UnsafePointer(handle.masks[index])
    try writeStruct(value, to: detection, "detections_at")
  }
}

@c @implementation
public func scrl_detections_free(_ detections: OpaquePointer?) {
  Registry.shared.remove(detections, DetectionsHandle.self)
}
