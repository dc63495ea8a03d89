// Hue rotation through Pillow's 8-bit HSV. Its conversions mix Float and Double; each rounding is
// followed, since one apart moves a byte. No branches: colours of neighbours predict nothing.

/// Turns the hue by `factor` (in turns); 8-bit hue wraps.
package func adjustHue(_ factor: Double, _ pixels: PixelPointer, count: Int) {
  let turn = UInt8(truncatingIfNeeded: Int(factor * 255))
  let chunk = 512  // pixels whose hue and saturation stay in the first cache
  withUnsafeTemporaryAllocation(of: SIMD4<Double>.self, capacity: 256) { wheel in
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 2 * chunk) { scratch in
      guard let wheel = wheel.baseAddress, let hue = scratch.baseAddress else { return }
      for value in 0..<256 {
        wheel[value] = falls(hue: UInt8(truncatingIfNeeded: value) &+ turn)
      }
      var first = 0
      while first < count {
        let part = min(chunk, count - first)
        measure(pixels + 3 * first, count: part, hue: hue, saturation: hue + chunk)
        rebuild(pixels + 3 * first, count: part, hue: hue, saturation: hue + chunk, wheel)
        first += part
      }
    }
  }
}

/// 8-bit hue and saturation. The hue is (offset ± gap)/6 turns, where the gap is how far the
/// middle channel lies under the highest, over the range; one Float rounding, as in Pillow, since
/// of its two gaps one is always exactly 1.
private func measure(
  _ pixels: PixelPointer, count: Int, hue: PixelPointer, saturation: PixelPointer
) {
  for index in 0..<count {
    let r = Float(pixels[3 &* index])
    let g = Float(pixels[3 &* index &+ 1])
    let b = Float(pixels[3 &* index &+ 2])
    let high = max(r, max(g, b))
    let low = min(r, min(g, b))
    let range = high - low
    let middle = max(min(r, g), min(max(r, g), b))
    let gap = (high - middle) / max(range, 1)
    let rising = r == high ? b == low : g == high ? r == low : g == low
    let sector: Float = r == high ? 0 : g == high ? 2 : 4
    let sixth = rising ? (sector + 1) - gap : (sector - 1) + gap
    let turned = Double(sixth) / 6 + 1  // in 5/6 ..< 2: its fraction is one comparison away
    let fraction = Float(turned >= 1 ? turned - 1 : turned)
    hue[index] = cut(Double(fraction) * 255)
    saturation[index] = cut(Double(range / max(high, 1)) * 255)
  }
}

/// How far each channel falls below the value at full saturation: 0, 1 or a place between.
private func falls(hue: UInt8) -> SIMD4<Double> {
  let six = Double(hue) * 6 / 255
  let sector = six.rounded(.down)
  let f = Double(Float(six - sector))
  switch Int(sector) {
  case 1: return SIMD4(f, 0, 1, 0)
  case 2: return SIMD4(1, 0, 1 - f, 0)
  case 3: return SIMD4(1, f, 0, 0)
  case 4: return SIMD4(1 - f, 1, 0, 0)
  case 5: return SIMD4(0, 1, f, 0)
  default: return SIMD4(0, 1 - f, 1, 0)
  }
}

/// value·(1 − saturation·fall), rounded. Adding 2⁵² rounds to nearest and leaves the whole number
/// in the low bits; ties, where Pillow rounds up, cannot occur: 255² has no factor 2.
private func rebuild(
  _ pixels: PixelPointer, count: Int, hue: PixelPointer, saturation: PixelPointer,
  _ wheel: UnsafePointer<SIMD4<Double>>
) {
  let one = SIMD4<Double>(repeating: 1)
  let shift = SIMD4<Double>(repeating: 0x1p52)
  for index in 0..<count {
    let pixel = pixels + 3 &* index
    let value = SIMD4(repeating: Double(max(pixel[0], max(pixel[1], pixel[2]))))
    let s = SIMD4(repeating: Double(Float(Double(saturation[index]) / 255)))
    let sums = value * (one - s * wheel[Int(hue[index])]) + shift
    pixel[0] = UInt8(truncatingIfNeeded: sums[0].bitPattern)
    pixel[1] = UInt8(truncatingIfNeeded: sums[1].bitPattern)
    pixel[2] = UInt8(truncatingIfNeeded: sums[2].bitPattern)
  }
}

/// The whole part of values in 0 ..< 256.
@inline(__always)
private func cut(_ value: Double) -> UInt8 {
  UInt8(truncatingIfNeeded: (value.rounded(.towardZero) + 0x1p52).bitPattern)
}
