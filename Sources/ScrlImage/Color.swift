// Colour operations on interleaved RGB bytes, as torchvision does them on Pillow images: each
// enhancement blends a degenerate image with the original in Float32 and cuts the fraction off.

struct ColorJitter {
  enum Step: CaseIterable { case brightness, contrast, saturation, hue }

  var brightness: Double
  var contrast: Double
  var saturation: Double
  var hue: Double  // turns, −0.5...0.5
}

/// Pixels in place: `count` pixels of three bytes.
package typealias PixelPointer = UnsafeMutablePointer<UInt8>

func applyJitter(
  _ jitter: ColorJitter, order: [ColorJitter.Step], _ pixels: PixelPointer, count: Int
) {
  for step in order {
    switch step {
    case .brightness: adjustBrightness(jitter.brightness, pixels, count: count)
    case .contrast: adjustContrast(jitter.contrast, pixels, count: count)
    case .saturation: adjustSaturation(jitter.saturation, pixels, count: count)
    case .hue: adjustHue(jitter.hue, pixels, count: count)
    }
  }
}

/// Blends with black.
package func adjustBrightness(_ factor: Double, _ pixels: PixelPointer, count: Int) {
  blend(with: 0, Float(factor), pixels, count: count)
}

/// Blends with the mean luma, itself rounded to a whole number.
package func adjustContrast(_ factor: Double, _ pixels: PixelPointer, count: Int) {
  guard count > 0 else { return }
  var total = 0
  for pixel in 0..<count { total &+= Int(luma(pixels + 3 &* pixel)) }
  let mean = Int(Double(total) / Double(count) + 0.5)
  blend(with: Float(mean), Float(factor), pixels, count: count)
}

/// Blends each pixel with its own luma.
package func adjustSaturation(_ factor: Double, _ pixels: PixelPointer, count: Int) {
  let factor = Float(factor)
  if factor == 1 { return }
  for index in 0..<count {
    let pixel = pixels + 3 &* index
    let gray = Float(luma(pixel))
    pixel[0] = cut(gray + factor * (Float(pixel[0]) - gray))
    pixel[1] = cut(gray + factor * (Float(pixel[1]) - gray))
    pixel[2] = cut(gray + factor * (Float(pixel[2]) - gray))
  }
}

package func convertToGray(_ pixels: PixelPointer, count: Int) {
  for index in 0..<count {
    let pixel = pixels + 3 &* index
    let gray = luma(pixel)
    pixel[0] = gray
    pixel[1] = gray
    pixel[2] = gray
  }
}

/// Inverts what is at or above the threshold.
package func solarize(threshold: UInt8, _ pixels: PixelPointer, count: Int) {
  for index in 0..<count &* 3 {
    let value = pixels[index]
    pixels[index] = value < threshold ? value : ~value
  }
}

/// ITU-R 601 luma in 16-bit fixed point.
@inline(__always)
private func luma(_ pixel: PixelPointer) -> UInt8 {
  let sum =
    UInt32(pixel[0]) &* 19595 &+ UInt32(pixel[1]) &* 38470 &+ UInt32(pixel[2]) &* 7471 &+ 0x8000
  return UInt8(truncatingIfNeeded: sum &>> 16)
}

/// base + factor·(value − base) for one base: every byte value is worked out once.
private func blend(with base: Float, _ factor: Float, _ pixels: PixelPointer, count: Int) {
  if factor == 1 { return }
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { table in
    for value in 0..<256 { table[value] = cut(base + factor * (Float(value) - base)) }
    for index in 0..<count &* 3 { pixels[index] = table[Int(pixels[index])] }
  }
}

/// Clips to 0...255 and cuts the fraction off. Adding 2²³ leaves the whole number in the low bits
/// of the mantissa: a conversion that vectorises, which Swift's trapping one does not.
@inline(__always)
func cut(_ value: Float) -> UInt8 {
  let clipped = min(max(value, 0), 255).rounded(.towardZero)
  return UInt8(truncatingIfNeeded: (clipped + 0x1p23).bitPattern)
}
