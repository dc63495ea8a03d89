// The vector loops of ColorTile against scalar code that follows Pillow's C line by line, for every
// colour there is: ColorTests compares pictures with torchvision, these leave no byte out.

import Testing

@testable import ScrlImage

@Suite struct EveryColourTests {
  @Test("Hue: all 2²⁴ colours are Pillow's", arguments: [-0.1, 0.043])
  func hueOfEveryColour(factor: Double) {
    let turn = UInt8(truncatingIfNeeded: Int(factor * 255))
    expectEveryColour {
      adjustHue(factor, $0, count: $1)
    } equals: { r, g, b in
      let (h, s, v) = pillowHSV(r, g, b)
      return pillowRGB(h &+ turn, s, v)
    }
  }

  @Test("Hue: every (value, saturation, hue), reached by some turn or not, is Pillow's colour")
  func everyHSV() {
    var wrong = 0
    ColorTile.withTile { tile in
      for v in UInt8.min...UInt8.max {
        for s in UInt8.min...UInt8.max {
          for h in 0..<256 {
            tile.hue[h] = UInt8(h)
            tile.saturation[h] = s
            tile.value[h] = v
          }
          tile.findFalls()
          tile.rebuild()
          for h in 0..<256 {
            if (tile.red[h], tile.green[h], tile.blue[h]) != pillowRGB(UInt8(h), s, v) {
              wrong += 1
            }
          }
        }
      }
    }
    #expect(wrong == 0)
  }

  @Test("Saturation and grayscale: all 2²⁴ colours follow the whole-number luma")
  func saturationOfEveryColour() {
    let factor: Float = 1.1737
    expectEveryColour {
      adjustSaturation(1.1737, $0, count: $1)
    } equals: { r, g, b in
      let gray = Float(pillowLuma(r, g, b))
      let blend = { (value: UInt8) in pillowClip(gray + factor * (Float(value) - gray)) }
      return (blend(r), blend(g), blend(b))
    }
    expectEveryColour {
      convertToGray($0, count: $1)
    } equals: { r, g, b in
      let gray = pillowLuma(r, g, b)
      return (gray, gray, gray)
    }
  }

  @Test("Brightness and contrast: every byte, 401 factors; contrast's mean is rounded to half up")
  func blends() {
    let ramp = (0..<256).flatMap { [UInt8](repeating: UInt8($0), count: 3) }
    for step in 0...400 {
      let factor = Double(step) / 200
      var (bright, contrast) = (ramp, ramp)
      adjustBrightness(factor, &bright, count: 256)
      adjustContrast(factor, &contrast, count: 256)
      let wanted = { (base: Float) in
        ramp.map { pillowClip(base + Float(factor) * (Float($0) - base)) }
      }
      #expect(bright == wanted(0) && contrast == wanted(128), "factor \(factor)")  // mean 127.5
    }
  }

  @Test("A jitter in one sweep is its steps one after another, whatever their order and the count")
  func sweepsEqualSteps() throws {
    let source = try PixelFixture("colour_source").bytes
    let jitter = ColorJitter(brightness: 1.3, contrast: 0.7, saturation: 1.2, hue: -0.08)
    for order in permutations(ColorJitter.Step.allCases) {
      for count in [1, 511, 512, 513, source.count / 3] {
        let start = Array(repeatElement(source, count: 2).joined().prefix(3 * count))
        let used = start.count / 3
        var (together, apart) = (start, start)
        applyJitter(jitter, order: order, then: .gray, &together, count: used)
        for step in order {
          switch step {
          case .brightness: adjustBrightness(1.3, &apart, count: used)
          case .contrast: adjustContrast(0.7, &apart, count: used)
          case .saturation: adjustSaturation(1.2, &apart, count: used)
          case .hue: adjustHue(-0.08, &apart, count: used)
          }
        }
        convertToGray(&apart, count: used)
        #expect(together == apart, "\(order), \(used) pixels")
      }
    }
  }
}

/// Runs `operation` over 2²⁴ colours, 2¹⁶ at a time.
private func expectEveryColour(
  _ operation: (PixelPointer, Int) -> Void,
  equals reference: (UInt8, UInt8, UInt8) -> (UInt8, UInt8, UInt8)
) {
  var pixels = [UInt8](repeating: 0, count: 3 << 16)
  var wrong = 0
  for red in UInt8.min...UInt8.max {
    for rest in 0..<1 << 16 {
      pixels[3 * rest] = red
      pixels[3 * rest + 1] = UInt8(rest >> 8)
      pixels[3 * rest + 2] = UInt8(rest & 255)
    }
    pixels.withUnsafeMutableBufferPointer { operation($0.baseAddress!, 1 << 16) }
    for rest in 0..<1 << 16 {
      let got = (pixels[3 * rest], pixels[3 * rest + 1], pixels[3 * rest + 2])
      if got != reference(red, UInt8(rest >> 8), UInt8(rest & 255)) { wrong += 1 }
    }
  }
  #expect(wrong == 0)
}

private func permutations<Element>(_ items: [Element]) -> [[Element]] {
  guard items.count > 1 else { return [items] }
  return items.indices.flatMap { index in
    var rest = items
    let first = rest.remove(at: index)
    return permutations(rest).map { [first] + $0 }
  }
}

// MARK: Pillow, as its C has it (Convert.c, Blend.c)

private func pillowLuma(_ r: UInt8, _ g: UInt8, _ b: UInt8) -> UInt8 {
  let sum: Int = Int(r) * 19595 + Int(g) * 38470 + Int(b) * 7471
  return UInt8((sum + 0x8000) >> 16)
}

private func pillowClip(_ value: Float) -> UInt8 {
  value <= 0 ? 0 : value >= 255 ? 255 : UInt8(value)
}

private func pillowHSV(_ r: UInt8, _ g: UInt8, _ b: UInt8) -> (UInt8, UInt8, UInt8) {
  let (high, low) = (max(r, max(g, b)), min(r, min(g, b)))
  guard high != low else { return (0, 0, high) }
  let range = Float(high - low)
  let saturation = range / Float(high)
  let (rc, gc) = (Float(high - r) / range, Float(high - g) / range)
  let bc = Float(high - b) / range
  let sixths: Float =
    r == high
    ? bc - gc
    : Float(g == high ? 2 + Double(rc) - Double(bc) : 4 + Double(gc) - Double(rc))
  let turns = Float((Double(sixths) / 6 + 1).truncatingRemainder(dividingBy: 1))
  return (UInt8(Double(turns) * 255), UInt8(Double(saturation) * 255), high)
}

private func pillowRGB(_ h: UInt8, _ s: UInt8, _ v: UInt8) -> (UInt8, UInt8, UInt8) {
  let six = Double(h) * 6 / 255
  let sector = six.rounded(.down)
  let f = Double(Float(six - sector))
  let fs = Double(Float(Double(s) / 255))
  let byte = { (fall: Double) in UInt8((Double(v) * (1 - fall)).rounded()) }
  let (p, q, t) = (byte(fs), byte(fs * f), byte(fs * (1 - f)))
  switch Int(sector) % 6 {
  case 0: return (v, t, p)
  case 1: return (q, v, p)
  case 2: return (p, v, t)
  case 3: return (p, q, v)
  case 4: return (t, p, v)
  default: return (v, p, q)
  }
}
