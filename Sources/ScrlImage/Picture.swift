// A whole picture at its own aspect, resized, normalised: what detectors and region judges look at.
// Letters: h×w the picture as given out.

import ScrlBase

/// A picture's height and width when its shorter side becomes `shorter` (nil: stays), but the longer
/// one at most `longest`; rounded as Detectron2's ResizeShortestEdge does, at least a pixel.
package func fittedSize(
  height: Int, width: Int, shorter: Int?, longest: Int
) -> (height: Int, width: Int) {
  var scale = shorter.map { Double($0) / Double(min(height, width)) } ?? 1
  scale = min(scale, Double(longest) / Double(max(height, width)))
  let side = { (pixels: Int) in max(1, Int(Double(pixels) * scale + 0.5)) }
  return (side(height), side(width))
}

/// One per thread; keeps what it works with.
package final class PictureMaker {
  private let resampler = Resampler()
  private var x = ResampleAxis()
  private var y = ResampleAxis()
  private var pixels: [UInt8] = []

  package init() {}

  /// Writes 3·h·w floats, planar. A picture of that size already is taken as it is.
  package func write(
    _ image: RGBImage, height: Int, width: Int, into target: UnsafeMutablePointer<Float>
  ) throws(ScrlError) {
    guard image.isUsable, height > 0, width > 0 else {
      throw ScrlError(
        .data, "picture: got \(image.height)×\(image.width) pixels · expected at least one")
    }
    guard (image.height, image.width) != (height, width) else {
      normalise(image.pixels, .planar, into: target)
      return
    }
    x.rebuild(from: image.width, to: width, window: 0..<width)
    y.rebuild(from: image.height, to: height, window: 0..<height)
    let needed = height * width * 3
    if pixels.count != needed { pixels = [UInt8](repeating: 0, count: needed) }
    image.pixels.withUnsafeBufferPointer { source in
      pixels.withUnsafeMutableBufferPointer { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        resampler.resample(
          source, rowStride: image.width * 3, x: x, y: y, flipped: false, into: target)
      }
    }
    normalise(pixels, .planar, into: target)
  }
}
