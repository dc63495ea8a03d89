// A whole picture at its own aspect, as detectors and region judges look at it: its shorter side
// resized to a length, mirrored or not, normalised into the corner of a larger tensor; the same for
// its boxes. Not here: masks (PlacedMask).
// Letters: H×W pixels before, h×w after.

import ScrlBase

/// Where the pixels of a picture go.
package struct Fit: Equatable, Sendable {
  package let source: (height: Int, width: Int)
  package let height: Int
  package let width: Int
  package let flipped: Bool  // mirrored left to right

  /// Detectron2's ResizeShortestEdge: the shorter side becomes `shortest` (nil: stays), unless the
  /// longer one would pass `longest`. Extents ≥ 1.
  package init(
    height: Int, width: Int, shortest: Int?, longest: Int, flipped: Bool = false
  ) {
    source = (height, width)
    let side = Double(shortest ?? min(height, width))
    let scale = side / Double(min(height, width))
    var h = height < width ? side : scale * Double(height)
    var w = height < width ? scale * Double(width) : side
    if max(h, w) > Double(longest) {
      let smaller = Double(longest) / max(h, w)
      (h, w) = (h * smaller, w * smaller)
    }
    self.height = max(1, Int(h + 0.5))
    self.width = max(1, Int(w + 0.5))
    self.flipped = flipped
  }

  package static func == (a: Fit, b: Fit) -> Bool {
    a.source == b.source && (a.height, a.width, a.flipped) == (b.height, b.width, b.flipped)
  }

  /// - Throws: `.data` when the picture is not the one that this was made for.
  package func check(_ image: RGBImage) throws(ScrlError) {
    guard image.isUsable, (image.height, image.width) == source else {
      throw ScrlError(
        .data,
        "picture: got \(image.height)×\(image.width) · expected \(source.height)×"
          + "\(source.width), as the index has it")
    }
  }

  /// A box of the picture in pixels of the result, clipped to it.
  package func place(_ box: PixelBox) -> PixelBox {
    let (x, y) = (Float(width) / Float(source.width), Float(height) / Float(source.height))
    var (x0, x1) = (box.x0 * x, box.x1 * x)
    if flipped { (x0, x1) = (Float(width) - x1, Float(width) - x0) }
    return PixelBox(
      x0: min(max(x0, 0), Float(width)), y0: min(max(box.y0 * y, 0), Float(height)),
      x1: min(max(x1, 0), Float(width)), y1: min(max(box.y1 * y, 0), Float(height)))
  }
}

/// One per thread: keeps its scratch.
package final class PictureFitter {
  private let resampler = Resampler()
  private var x = ResampleAxis()
  private var y = ResampleAxis()
  private var pixels: [UInt8] = []  // (h,w,3)

  package init() {}

  /// Writes h rows of w floats into each of three planes; the rest of the target stays.
  package func write(
    _ image: RGBImage, _ fit: Fit, _ filter: ResampleFilter, rowStride: Int, planeStride: Int,
    into target: UnsafeMutablePointer<Float>
  ) throws(ScrlError) {
    try fit.check(image)
    if !fit.flipped, (fit.height, fit.width) == fit.source {
      normalise(
        image.pixels, height: fit.height, width: fit.width, row: rowStride, plane: planeStride,
        into: target)
      return
    }
    x.rebuild(from: image.width, to: fit.width, window: 0..<fit.width, filter)
    y.rebuild(from: image.height, to: fit.height, window: 0..<fit.height, filter)
    pixels.setCount(fit.height * fit.width * 3)
    image.pixels.withUnsafeBufferPointer { source in
      pixels.withUnsafeMutableBufferPointer { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        resampler.resample(
          source, rowStride: image.width * 3, x: x, y: y, flipped: fit.flipped, into: target)
      }
    }
    normalise(
      pixels, height: fit.height, width: fit.width, row: rowStride, plane: planeStride,
      into: target)
  }
}
