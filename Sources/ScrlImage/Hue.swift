// Hue rotation through Pillow's 8-bit HSV. Its conversions mix Float and Double; both are followed
// operation by operation, since one rounding apart moves a byte.

/// Turns the hue by `factor` (in turns); 8-bit hue wraps.
func adjustHue(_ factor: Double, _ pixels: PixelPointer, count: Int) {
  let turn = UInt8(truncatingIfNeeded: Int(factor * 255))
  for index in 0..<count {
    let pixel = pixels + 3 &* index
    let (hue, saturation, value) = toHSV(pixel[0], pixel[1], pixel[2])
    (pixel[0], pixel[1], pixel[2]) = toRGB(hue &+ turn, saturation, value)
  }
}

@inline(__always)
private func toHSV(_ r: UInt8, _ g: UInt8, _ b: UInt8) -> (UInt8, UInt8, UInt8) {
  let high = max(r, max(g, b))
  let low = min(r, min(g, b))
  if high == low { return (0, 0, high) }
  let range = Float(high &- low)
  let saturation = range / Float(high)
  let redGap = Float(high &- r) / range
  let greenGap = Float(high &- g) / range
  let blueGap = Float(high &- b) / range
  let sixth: Float
  if r == high {
    sixth = blueGap - greenGap
  } else if g == high {
    sixth = Float(2 + Double(redGap) - Double(blueGap))
  } else {
    sixth = Float(4 + Double(greenGap) - Double(redGap))
  }
  let turned = Double(sixth) / 6 + 1  // in 5/6 ..< 2: its fraction is one comparison away
  let hue = Float(turned >= 1 ? turned - 1 : turned)
  return (cut(Double(hue) * 255), cut(Double(saturation) * 255), high)
}

@inline(__always)
private func toRGB(_ hue: UInt8, _ saturation: UInt8, _ value: UInt8) -> (UInt8, UInt8, UInt8) {
  if saturation == 0 { return (value, value, value) }
  let six = Double(hue) * 6 / 255
  let sector = six.rounded(.down)
  let fraction = Double(Float(six - sector))
  let s = Double(Float(Double(saturation) / 255))
  let v = Double(value)
  let p = nearest(v * (1 - s))
  let q = nearest(v * (1 - s * fraction))
  let t = nearest(v * (1 - s * (1 - fraction)))
  switch Int(sector) {
  case 1: return (q, value, p)
  case 2: return (p, value, t)
  case 3: return (p, q, value)
  case 4: return (t, p, value)
  case 5: return (value, p, q)
  default: return (value, t, p)
  }
}

/// For values in 0 ..< 256.
@inline(__always)
private func cut(_ value: Double) -> UInt8 { UInt8(truncatingIfNeeded: Int32(value)) }

@inline(__always)
private func nearest(_ value: Double) -> UInt8 { UInt8(truncatingIfNeeded: Int32(value + 0.5)) }
