// Hue rotation through Pillow's 8-bit HSV, in four loops over a tile. Pillow mixes Float and Double;
// the roundings kept here are those that its bytes depend on, which a test shows for every colour
// and every (value, saturation, hue).

extension ColorTile {
  var value: PixelPointer { plane(3) }
  var saturation: PixelPointer { plane(4) }
  var hue: PixelPointer { plane(5) }
  private var sector: PixelPointer { plane(6) }
  private var range: PixelPointer { plane(7) }
  private var gap: PixelPointer { plane(8) }

  func turnHue(_ turn: UInt8) {
    findSextants()
    measure(turn: turn)
    findFalls()
    rebuild()
  }

  /// The hue is (sector + 1 − gap/range)/6 turns where it rises through its sextant, else
  /// (sector − 1 + gap/range)/6; the gap is how far the middle channel lies under the highest.
  private func findSextants() {
    let (red, green, blue) = (red, green, blue)
    let (value, sector, range, gap) = (value, sector, range, gap)
    for i in 0..<ColorTile.pixels {
      let (r, g, b) = (red[i], green[i], blue[i])
      let high = max(r, max(g, b))
      let low = min(r, min(g, b))
      let rising = r == high ? b == low : g == high ? r == low : g == low
      let place: UInt8 = r == high ? 0 : g == high ? 2 : 4
      value[i] = high
      range[i] = high &- low
      gap[i] = high &- max(min(r, g), min(max(r, g), b))
      sector[i] = place &+ (rising ? 129 : 0)  // what it counts from plus 1, and 127 for rising
    }
  }

  /// 8-bit hue, turned, and saturation. One division each rounds as Pillow's do: of its two gaps
  /// one is always exactly 1, and a sum below 0 is the only one that wraps.
  private func measure(turn: UInt8) {
    let (value, sector, range, gap) = (value, sector, range, gap)
    let (hue, saturation) = (hue, saturation)
    for i in 0..<ColorTile.pixels {
      let extent = Float(range[i])
      let part = Float(gap[i]) / max(extent, 1)
      let place = Float(sector[i])
      let sixth = place >= 128 ? (place - 128) - part : (place - 1) + part
      let turns = sixth / 6
      hue[i] = whole((turns < 0 ? turns + 1 : turns) * 255) &+ turn
      saturation[i] = whole(extent / max(Float(value[i]), 1) * 255)
    }
  }

  /// How far each channel falls below the value at full saturation, in 85ths, by the hue's place
  /// on the circle of 510: a slope of 85 steps up, two sextants of 85, a slope down, two of 0.
  func findFalls() {
    let (red, green, blue, hue) = (red, green, blue, hue)
    for i in 0..<ColorTile.pixels {
      let place = Int16(truncatingIfNeeded: hue[i]) &* 2
      red[i] = fall(min(place &- 85, 425 &- place))
      green[i] = fall(max(85 &- place, place &- 255))
      blue[i] = fall(max(255 &- place, place &- 425))
    }
  }

  /// value·(1 − saturation/255·fall/85), rounded; `red`… hold the falls before and the colours
  /// after. Adding 2²³ rounds to nearest. Ties, where Pillow rounds up, cannot occur: 255·85 is odd.
  func rebuild() {
    let (red, green, blue) = (red, green, blue)
    let (value, saturation) = (value, saturation)
    let share: Float = 1 / (255 * 85)
    for i in 0..<ColorTile.pixels {
      let high = Float(value[i])
      let full = high * Float(saturation[i])  // times a fall under 2²³: exact
      red[i] = low(high - full * Float(red[i]) * share + 0x1p23)
      green[i] = low(high - full * Float(green[i]) * share + 0x1p23)
      blue[i] = low(high - full * Float(blue[i]) * share + 0x1p23)
    }
  }
}

@inline(__always)
private func fall(_ place: Int16) -> UInt8 {
  UInt8(truncatingIfNeeded: min(max(place, 0), 85))
}

@inline(__always)
private func low(_ value: Float) -> UInt8 { UInt8(truncatingIfNeeded: value.bitPattern) }

/// The whole part of values in 0 ..< 256.
@inline(__always)
private func whole(_ value: Float) -> UInt8 { low(value.rounded(.towardZero) + 0x1p23) }
