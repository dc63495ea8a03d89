// Colour operations on interleaved RGB bytes, as torchvision does them on Pillow images: each
// enhancement blends a degenerate image with the original in Float32 and cuts the fraction off.
// Steps that need no sum over the picture share one sweep of it, tile by tile.

struct ColorJitter {
  enum Step: CaseIterable { case brightness, contrast, saturation, hue }

  var brightness: Double
  var contrast: Double
  var saturation: Double
  var hue: Double  // turns, −0.5...0.5
}

/// What happens to each pixel whatever its neighbours are.
enum PixelStep {
  case blend(with: Float, factor: Float)  // every channel with one base
  case saturation(factor: Float)
  case hue(turn: UInt8)  // of 256; wraps
  case gray
  case invert(from: UInt8)  // what is at or above

  static func hue(_ turns: Double) -> PixelStep {
    .hue(turn: UInt8(truncatingIfNeeded: Int(turns * 255)))
  }
}

/// Pixels in place: `count` pixels of three bytes.
package typealias PixelPointer = UnsafeMutablePointer<UInt8>

/// - Parameter then: a step to take in the same sweep as the last.
func applyJitter(
  _ jitter: ColorJitter, order: [ColorJitter.Step], then last: PixelStep? = nil,
  _ pixels: PixelPointer, count: Int
) {
  var pending: [PixelStep] = []
  for step in order {
    switch step {
    case .brightness: pending.append(.blend(with: 0, factor: Float(jitter.brightness)))
    case .contrast:
      let mean = meanLuma(after: pending, pixels, count: count)
      pending = [.blend(with: mean, factor: Float(jitter.contrast))]
    case .saturation: pending.append(.saturation(factor: Float(jitter.saturation)))
    case .hue: pending.append(.hue(jitter.hue))
    }
  }
  if let last { pending.append(last) }
  sweep(pending, pixels, count: count)
}

/// Blends with black.
package func adjustBrightness(_ factor: Double, _ pixels: PixelPointer, count: Int) {
  sweep([.blend(with: 0, factor: Float(factor))], pixels, count: count)
}

/// Blends with the mean luma, itself rounded to a whole number.
package func adjustContrast(_ factor: Double, _ pixels: PixelPointer, count: Int) {
  let mean = meanLuma(after: [], pixels, count: count)
  sweep([.blend(with: mean, factor: Float(factor))], pixels, count: count)
}

/// Blends each pixel with its own luma.
package func adjustSaturation(_ factor: Double, _ pixels: PixelPointer, count: Int) {
  sweep([.saturation(factor: Float(factor))], pixels, count: count)
}

/// Turns the hue by `factor` (in turns); 8-bit hue wraps.
package func adjustHue(_ factor: Double, _ pixels: PixelPointer, count: Int) {
  sweep([.hue(factor)], pixels, count: count)
}

package func convertToGray(_ pixels: PixelPointer, count: Int) {
  sweep([.gray], pixels, count: count)
}

/// Inverts what is at or above the threshold.
package func solarize(threshold: UInt8, _ pixels: PixelPointer, count: Int) {
  sweep([.invert(from: threshold)], pixels, count: count)
}

private func meanLuma(after steps: [PixelStep], _ pixels: PixelPointer, count: Int) -> Float {
  guard count > 0 else { return 0 }
  var total = 0
  sweep(steps, pixels, count: count) { total += $0.lumaSum(count: $1) }
  return Float(Int(Double(total) / Double(count) + 0.5))
}

/// Takes the steps, one after another while a tile lies in the first cache, then shows the tile
/// and how many of its pixels count.
private func sweep(
  _ steps: [PixelStep], _ pixels: PixelPointer, count: Int,
  look: ((ColorTile, Int) -> Void)? = nil
) {
  ColorTile.withTile { tile in
    for first in stride(from: 0, to: count, by: ColorTile.pixels) {
      let part = min(ColorTile.pixels, count - first)
      tile.take(pixels + 3 * first, count: part)
      for step in steps { tile.take(step) }
      look?(tile, part)
      if !steps.isEmpty { tile.give(pixels + 3 * first, count: part) }
    }
  }
}
