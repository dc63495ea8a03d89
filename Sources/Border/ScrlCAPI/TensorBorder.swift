// Borrowed tensors and boxes, and the operations on them.

import CScrl
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlTensor

/// A host's tensor in plain order, for the time of the call: its own memory where that has this
/// order, else a copy. `expected` has one entry per dimension, −1: any extent.
func borrow(
  _ pointer: UnsafePointer<scrl_tensor>?, _ expected: [Int], _ name: String
) throws(ScrlError) -> Tensor {
  let value = try readStruct(pointer, name)
  guard let data = value.data else { throw ScrlError(.argument, "\(name): data is NULL") }
  guard value.rank == expected.count else {
    throw ScrlError(
      .shape, "\(name): got a tensor of rank \(value.rank) · expected rank \(expected.count)")
  }
  let (s, t) = (value.shape, value.strides)
  let shape = [s.0, s.1, s.2, s.3].prefix(expected.count).map { Int($0) }
  var strides = [t.0, t.1, t.2, t.3].prefix(expected.count).map { Int($0) }
  for (extent, wanted) in zip(shape, expected) where extent < 1 || wanted > 0 && extent != wanted {
    throw ScrlError(.shape, "\(name): got shape \(shape) · expected \(expected), −1: any")
  }
  _ = try elementCount(shape)  // its overflow is refused here
  let plain = contiguousStrides(shape)
  if strides.allSatisfy({ $0 == 0 }) { strides = plain }
  if strides == plain {
    return try Tensor(borrowing: data, shape: shape)
  }
  let tensor = try Tensor(uninitialized: shape)
  gather(data, shape, strides, into: tensor.pointer)
  return tensor
}

/// The largest magnitude of a pixel that counts as normalised. ImageNet's statistics give −2.12 …
/// 2.64 and noise of deviation 1 hardly more than 6; bytes as floats go up to 255.
private let normalisedLimit: Float = 30

/// A host's pictures (N,3,H,W), refused where they are plainly not normalised.
/// - Parameter doubtful: called when all pixels lie in 0 … 1 and are not all alike, as those of
///   pictures that were only divided by 255.
func borrowPictures(
  _ pointer: UnsafePointer<scrl_tensor>?, _ expected: [Int], _ name: String,
  doubtful: () -> Void = {}
) throws(ScrlError) -> Tensor {
  let pictures = try borrow(pointer, expected, name)
  let pixels = pictures.buffer
  var (low, high) = (Float.infinity, -Float.infinity)
  for pixel in pixels where pixel.isFinite {  // what is not is refused where it is computed with
    low = min(low, pixel)
    high = max(high, pixel)
  }
  let extreme = max(high, -low)
  guard extreme <= normalisedLimit || low > high else {
    throw ScrlError(
      .argument,
      "\(name): got pixels of \(low) … \(high) · expected them normalised by ImageNet's mean and "
        + "deviation, about −2.2 … 2.7: scrl_image_prepare() does that")
  }
  if low >= 0, high <= 1, low < high { doubtful() }
  return pictures
}

private func contiguousStrides(_ shape: [Int]) -> [Int] {
  var strides = [Int](repeating: 1, count: shape.count)
  for axis in stride(from: shape.count - 2, through: 0, by: -1) {
    strides[axis] = strides[axis + 1] * shape[axis + 1]
  }
  return strides
}

private func gather(
  _ source: UnsafePointer<Float>, _ shape: [Int], _ strides: [Int],
  into target: UnsafeMutablePointer<Float>
) {
  guard let extent = shape.first, let stride = strides.first else { return }
  if shape.count == 1 {
    for i in 0..<extent { target[i] = source[i &* stride] }
    return
  }
  let (rest, restStrides) = (Array(shape.dropFirst()), Array(strides.dropFirst()))
  let length = rest.reduce(1, *)
  if restStrides == contiguousStrides(rest) {
    for i in 0..<extent { (target + i * length).update(from: source + i &* stride, count: length) }
    return
  }
  for i in 0..<extent {
    gather(source + i &* stride, rest, restStrides, into: target + i * length)
  }
}

/// count × (image index, x0, y0, x1, y1), image index in 0..<images.
func regions(
  _ pointer: UnsafePointer<Float>?, _ count: Int, images: Int, _ name: String
) throws(ScrlError) -> [RegionBox] {
  guard count > 0 else {
    guard count == 0 else { throw ScrlError(.argument, "\(name): \(count) boxes") }
    return []
  }
  guard let pointer else { throw ScrlError(.argument, "\(name): boxes is NULL") }
  guard count <= 1 << 24 else {
    throw ScrlError(.argument, "\(name): \(count) boxes · expected at most 2^24")
  }
  var boxes: [RegionBox] = []
  boxes.reserveCapacity(count)
  for row in 0..<count {
    let box = pointer + 5 * row
    guard let image = Int(exactly: box[0]), (0..<images).contains(image),
      (1...4).allSatisfy({ box[$0].isFinite })
    else {
      throw ScrlError(
        .argument,
        "\(name): box \(row) is (\(box[0]), \(box[1]), \(box[2]), \(box[3]), \(box[4])) · "
          + "expected finite pixels and an image index in 0..<\(images)")
    }
    boxes.append(RegionBox(image: image, x0: box[1], y0: box[2], x1: box[3], y1: box[4]))
  }
  return boxes
}

/// Copies a result out; the room is checked.
func copyOut(
  _ tensor: Tensor, _ target: UnsafeMutablePointer<Float>?, _ capacity: Int, _ name: String
) throws(ScrlError) {
  guard let target else { throw ScrlError(.argument, "\(name): NULL where a result goes") }
  guard room(capacity) >= tensor.count else {
    throw ScrlError(
      .argument, "\(name): room for \(capacity) floats · expected \(tensor.count)")
  }
  target.update(from: tensor.pointer, count: tensor.count)
}

private func roiOptions(
  _ pointer: UnsafePointer<scrl_roi_align_options>?
) throws(ScrlError) -> RoIAlignOptions {
  let value = try readStruct(pointer, "roi_align: options")
  return try RoIAlignOptions(
    outputHeight: Int(value.output_height), outputWidth: Int(value.output_width),
    spatialScale: value.spatial_scale, samplingRatio: Int(value.sampling_ratio),
    aligned: value.aligned != 0)
}

@c @implementation
public func scrl_roi_align(
  _ features: UnsafePointer<scrl_tensor>?, _ boxes: UnsafePointer<Float>?, _ box_count: Int,
  _ options: UnsafePointer<scrl_roi_align_options>?, _ pooled: UnsafeMutablePointer<Float>?,
  _ capacity: Int
) -> scrl_status {
  border { () throws(ScrlError) in
    let plain = try borrow(features, [-1, -1, -1, -1], "roi_align: features")
    let options = try roiOptions(options)
    let boxes = try regions(boxes, box_count, images: plain.shape[0], "roi_align")
    let out = try result(pooled, "roi_align")
    guard !boxes.isEmpty else { return }
    let engine = try makeEngine()
    let x = try plain.blocked(plain.shape[1], workers: engine.workers)
    let y = try engine.roiAlign(x, boxes: boxes, options)
    try copyOut(try y.plain(workers: engine.workers), out, capacity, "roi_align")
  }
}

@c @implementation
public func scrl_roi_align_backward(
  _ gradient: UnsafePointer<scrl_tensor>?, _ boxes: UnsafePointer<Float>?, _ box_count: Int,
  _ options: UnsafePointer<scrl_roi_align_options>?, _ feature_shape: UnsafePointer<Int64>?,
  _ feature_gradient: UnsafeMutablePointer<Float>?, _ capacity: Int
) -> scrl_status {
  border { () throws(ScrlError) in
    guard let feature_shape else {
      throw ScrlError(.argument, "roi_align_backward: feature_shape is NULL")
    }
    let extents = (0..<4).map { Int(feature_shape[$0]) }
    guard extents.allSatisfy({ $0 > 0 }) else {
      throw ScrlError(
        .shape, "roi_align_backward: feature shape \(extents) · expected positive extents")
    }
    _ = try elementCount(extents)
    let options = try roiOptions(options)
    let boxes = try regions(boxes, box_count, images: extents[0], "roi_align_backward")
    let out = try result(feature_gradient, "roi_align_backward")
    let shape = ActivationShape(
      images: extents[0], channels: extents[1], height: extents[2], width: extents[3],
      block: extents[1])
    let engine = try makeEngine()
    guard !boxes.isEmpty else {
      return try copyOut(try Tensor(zeros: extents), out, capacity, "roi_align_backward")
    }
    let plain = try borrow(
      gradient, [boxes.count, extents[1], options.outputHeight, options.outputWidth],
      "roi_align_backward: gradient")
    let dy = try plain.blocked(extents[1], workers: engine.workers)
    let dx = try engine.roiAlignBackward(dy, boxes: boxes, options, like: shape)
    try copyOut(
      try dx.plain(workers: engine.workers), out, capacity, "roi_align_backward")
  }
}

@c @implementation
public func scrl_image_prepare(
  _ pixels: UnsafePointer<UInt8>?, _ height: Int, _ width: Int, _ size: Int,
  _ image: UnsafeMutablePointer<Float>?, _ capacity: Int
) -> scrl_status {
  border { () throws(ScrlError) in
    guard let pixels else { throw ScrlError(.argument, "image_prepare: NULL pixels") }
    let out = try result(image, "image_prepare")
    let side = 1...RGBImage.maxSide
    guard side.contains(height), side.contains(width), height * width <= RGBImage.maxPixels,
      (1...4096).contains(size)
    else {
      throw ScrlError(
        .argument,
        "image_prepare: got \(height)×\(width) to \(size) · expected sides 1…65500, "
          + "size 1…4096")
    }
    guard room(capacity) >= 3 * size * size else {
      throw ScrlError(
        .argument, "image_prepare: room for \(capacity) floats · expected \(3 * size * size)")
    }
    let source = try RGBImage(
      width: width, height: height,
      pixels: Array(UnsafeBufferPointer(start: pixels, count: height * width * 3)))
    try prepareForInference(source, size: size, layout: .planar, into: out)
  }
}
