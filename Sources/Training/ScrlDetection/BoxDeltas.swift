// Boxes as differences from other boxes (Girshick et al. 2014, appendix C): the centre's move over
// the extents, and the logarithm of the extents' ratio, each times a weight.

import Glibc
import ScrlImage

struct BoxCoder {
  let weights: SIMD4<Float>  // of x, y, width, height

  /// Extents grow at most by 1000/16: larger outputs would overflow the exponential.
  static let largest = logf(1000.0 / 16)

  static let proposals = BoxCoder(weights: SIMD4(1, 1, 1, 1))

  /// What leads from one box to the other; both have positive extents.
  func encode(from source: PixelBox, to target: PixelBox) -> SIMD4<Float> {
    let (width, height) = (source.width, source.height)
    let (targetWidth, targetHeight) = (target.width, target.height)
    let x: Float = (target.x0 + 0.5 * targetWidth) - (source.x0 + 0.5 * width)
    let y: Float = (target.y0 + 0.5 * targetHeight) - (source.y0 + 0.5 * height)
    let (wider, higher) = (logf(targetWidth / width), logf(targetHeight / height))
    return weights * SIMD4(x, y, wider, higher) / SIMD4(width, height, 1, 1)
  }

  func decode(_ deltas: SIMD4<Float>, from source: PixelBox) -> PixelBox {
    let (width, height) = (source.width, source.height)
    let d = deltas / weights
    let x = d.x * width + (source.x0 + 0.5 * width)
    let y = d.y * height + (source.y0 + 0.5 * height)
    let halfWidth = 0.5 * (expf(bounded(d.z)) * width)
    let halfHeight = 0.5 * (expf(bounded(d.w)) * height)
    return PixelBox(x0: x - halfWidth, y0: y - halfHeight, x1: x + halfWidth, y1: y + halfHeight)
  }

  /// NaN stays: it is to be seen.
  private func bounded(_ value: Float) -> Float {
    value > BoxCoder.largest ? BoxCoder.largest : value
  }
}
