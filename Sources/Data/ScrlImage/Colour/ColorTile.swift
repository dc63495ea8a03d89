// A few hundred pixels as planes of red, green and blue bytes, so that the compiler can make vector
// code of plain loops: all have the tile's constant length and no branches. Bytes beyond the taken
// pixels are whatever a tile before them left; no operation looks at a neighbour.
// Not here: the hue (Hue.swift).

struct ColorTile {
  static let pixels = 512  // P
  private static let planes = 9  // three colours and what the hue's parts hand on

  let red: PixelPointer  // (P) and so on
  var green: PixelPointer { plane(1) }
  var blue: PixelPointer { plane(2) }

  func plane(_ index: Int) -> PixelPointer { red + index &* ColorTile.pixels }

  static func withTile(_ body: (ColorTile) -> Void) {
    let byteCount = planes * pixels
    withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 64) { memory in
      let bytes = memory.initializeMemory(as: UInt8.self, repeating: 0)
      if let red = bytes.baseAddress { body(ColorTile(red: red)) }
    }
  }

  func take(_ rgb: UnsafePointer<UInt8>, count: Int) {
    let (red, green, blue) = (red, green, blue)
    for i in 0..<count {
      red[i] = rgb[3 &* i]
      green[i] = rgb[3 &* i &+ 1]
      blue[i] = rgb[3 &* i &+ 2]
    }
  }

  func give(_ rgb: PixelPointer, count: Int) {
    let (red, green, blue) = (red, green, blue)
    for i in 0..<count {
      rgb[3 &* i] = red[i]
      rgb[3 &* i &+ 1] = green[i]
      rgb[3 &* i &+ 2] = blue[i]
    }
  }

  func take(_ step: PixelStep) {
    switch step {
    case .blend(let base, let factor): if factor != 1 { blend(base, factor) }
    case .saturation(let factor): if factor != 1 { saturate(factor) }
    case .hue(let turn): turnHue(turn)
    case .gray: makeGray()
    case .invert(let threshold): invert(from: threshold)
    }
  }

  /// ITU-R 601 luma in 16-bit fixed point, summed over the first `count` pixels.
  func lumaSum(count: Int) -> Int {
    let (red, green, blue) = (red, green, blue)
    var total: UInt32 = 0  // P·255 at most
    for i in 0..<count { total &+= luma(red[i], green[i], blue[i]) }
    return Int(total)
  }

  /// base + factor·(value − base) for one base.
  private func blend(_ base: Float, _ factor: Float) {
    let bytes = red
    for i in 0..<3 &* ColorTile.pixels { bytes[i] = cut(base + factor * (Float(bytes[i]) - base)) }
  }

  /// The same with each pixel's luma as the base.
  private func saturate(_ factor: Float) {
    let (red, green, blue) = (red, green, blue)
    for i in 0..<ColorTile.pixels {
      let (r, g, b) = (Float(red[i]), Float(green[i]), Float(blue[i]))
      // The luma's whole numbers stay under 2²⁴: Float holds them exactly.
      let gray = ((r * 19595 + g * 38470 + b * 7471 + 0x8000) * 0x1p-16).rounded(.towardZero)
      red[i] = cut(gray + factor * (r - gray))
      green[i] = cut(gray + factor * (g - gray))
      blue[i] = cut(gray + factor * (b - gray))
    }
  }

  private func makeGray() {
    let (red, green, blue) = (red, green, blue)
    for i in 0..<ColorTile.pixels {
      let gray = UInt8(truncatingIfNeeded: luma(red[i], green[i], blue[i]))
      red[i] = gray
      green[i] = gray
      blue[i] = gray
    }
  }

  private func invert(from threshold: UInt8) {
    let bytes = red
    for i in 0..<3 &* ColorTile.pixels {
      let value = bytes[i]
      bytes[i] = value < threshold ? value : ~value
    }
  }
}

@inline(__always)
private func luma(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> UInt32 {
  (UInt32(red) &* 19595 &+ UInt32(green) &* 38470 &+ UInt32(blue) &* 7471 &+ 0x8000) &>> 16
}

/// Clips to 0...255 and cuts the fraction off. Adding 2²³ leaves the whole number in the low bits
/// of the mantissa: a conversion that vectorises, which Swift's trapping one does not.
@inline(__always)
func cut(_ value: Float) -> UInt8 {
  let clipped = min(max(value, 0), 255).rounded(.towardZero)
  return UInt8(truncatingIfNeeded: (clipped + 0x1p23).bitPattern)
}
