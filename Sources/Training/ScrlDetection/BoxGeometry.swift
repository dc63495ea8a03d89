// Boxes as numbers: float32 throughout, in PyTorch's order of operations.

import Glibc
import ScrlImage

extension PixelBox {
  var width: Float { x1 - x0 }
  var height: Float { y1 - y0 }
  var area: Float { width * height }

  var isFinite: Bool { x0.isFinite && y0.isFinite && x1.isFinite && y1.isFinite }

  func isLarger(than side: Float) -> Bool { width > side && height > side }

  func clipped(height: Int, width: Int) -> PixelBox {
    let (h, w) = (Float(height), Float(width))
    return PixelBox(
      x0: min(max(x0, 0), w), y0: min(max(y0, 0), h), x1: min(max(x1, 0), w),
      y1: min(max(y1, 0), h))
  }

  func scaled(x: Float, y: Float) -> PixelBox {
    PixelBox(x0: x0 * x, y0: y0 * y, x1: x1 * x, y1: y1 * y)
  }

  func shifted(x: Float, y: Float) -> PixelBox {
    PixelBox(x0: x0 + x, y0: y0 + y, x1: x1 + x, y1: y1 + y)
  }
}

/// Area of the intersection; 0 for boxes that only touch.
@inline(__always)
private func intersection(_ a: PixelBox, _ b: PixelBox) -> Float {
  let width: Float = min(a.x1, b.x1) - max(a.x0, b.x0)
  let height: Float = min(a.y1, b.y1) - max(a.y0, b.y0)
  return max(width, 0) * max(height, 0)
}

/// Intersection over union; 0 where nothing is shared, whatever the areas.
@inline(__always)
func overlap(_ a: PixelBox, _ b: PixelBox) -> Float {
  let both = intersection(a, b)
  return both > 0 ? both / (a.area + b.area - both) : 0
}

/// The place in P2…P5 (0…3) a box is pooled from: ⌊4 + log₂(√area / canonical)⌋ as a level's name,
/// within what there is (Lin et al. 2017, equation 1).
func pooledLevel(_ box: PixelBox, canonical: Double) -> Int {
  // 1e-8 keeps the logarithm of a box without area finite.
  let level = (4 + log2f(box.area.squareRoot() / Float(canonical) + 1e-8)).rounded(.down)
  return Int(min(max(level, 2), Float(DetectionOptions.pooledLevels + 1))) - 2
}
