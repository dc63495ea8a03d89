// Polygons to masks, bit for bit as pycocotools: what is inside of one is not decided by a rule for
// pixel centres but by its drawing procedure, which COCO's figures depend on.
//
// On a raster five times as fine, corners are rounded and every edge is drawn step by step along its
// longer side. Where the drawing goes from one fine column to the next and that border is the middle
// of a pixel's column, the place (x, ⌈y⌉) is noted. In column-major order every place noted switches
// between outside and inside, so self-intersections follow the even-odd rule. Parts are united.

import ScrlBase

/// The union of an object's polygons, each x0, y0, x1, y1, … in pixels.
/// - Throws: `.data` for no polygon, fewer than three corners, an odd count, coordinates that are not
///   finite or lie far outside, an outline too long to draw.
package func rasterise(
  polygons: [[Double]], height: Int, width: Int
) throws(ScrlError) -> RunLengths {
  try checkMaskSize(height: height, width: width)
  guard !polygons.isEmpty else {
    throw ScrlError(.data, "polygons: got none · expected one or more")
  }
  var steps = 0
  var parts: [RunLengths] = []
  for polygon in polygons {
    let corners = try fineCorners(polygon, &steps)
    parts.append(drawn(corners, height: height, width: width))
  }
  guard let whole = try RunLengths.union(parts) else {
    throw ScrlError(.internal, "polygons: no union of \(parts.count)")
  }
  return whole
}

private typealias Corner = (x: Int, y: Int)

private let fineness = 5
/// Steps along all outlines: those of 1,000 polygons around an image of 1,600². Beyond that, and far
/// outside of any image, a file wants our time rather than a mask.
private let mostSteps = 1 << 25
private let farthest = 131_072.0  // twice a JPEG's longest side

/// The corners on the fine raster, and the first one again.
private func fineCorners(
  _ polygon: [Double], _ steps: inout Int
) throws(ScrlError) -> [Corner] {
  guard polygon.count >= 6, polygon.count % 2 == 0 else {
    throw ScrlError(
      .data, "polygon: got \(polygon.count) numbers · expected an even count of 6 or more")
  }
  // NaN fails the comparison as well.
  if let bad = polygon.first(where: { !(abs($0) <= farthest) }) {
    throw ScrlError(.data, "polygon: got coordinate \(bad) · expected at most ±\(farthest)")
  }
  // Truncated, as C does: below zero this rounds half a step up.
  func fine(_ value: Double) -> Int { Int(Double(fineness) * value + 0.5) }
  var corners = stride(from: 0, to: polygon.count, by: 2).map { index in
    Corner(x: fine(polygon[index]), y: fine(polygon[index + 1]))
  }
  corners.append(corners[0])
  for (a, b) in zip(corners, corners.dropFirst()) {
    steps += max(abs(a.x - b.x), abs(a.y - b.y)) + 1
  }
  guard steps <= mostSteps else {
    throw ScrlError(
      .data,
      "polygon: an outline of \(steps / fineness) pixels · expected at most "
        + "\(mostSteps / fineness)")
  }
  return corners
}

private func drawn(_ corners: [Corner], height: Int, width: Int) -> RunLengths {
  var switches: [Int] = []
  var last = corners[0]
  for (from, to) in zip(corners, corners.dropFirst()) {
    drawEdge(from, to) { point in
      if point.x != last.x {
        // The border between the two fine columns: fine column 5x + 2 holds the centre of x.
        let column = point.x < last.x ? point.x : point.x - 1
        if column >= 0, column % fineness == fineness / 2, column / fineness < width {
          let y = ceilDivide(min(point.y, last.y) - fineness / 2, fineness)
          switches.append(column / fineness * height + min(max(y, 0), height))
        }
      }
      last = point
    }
  }
  switches.sort()
  return runs(between: switches, height: height, width: width)
}

/// Draws an edge in steps of one along its longer side, in its own direction.
@inline(__always)
private func drawEdge(_ from: Corner, _ to: Corner, _ body: (Corner) -> Void) {
  let (dx, dy) = (abs(to.x - from.x), abs(to.y - from.y))
  if dx == 0 && dy == 0 { return body(from) }
  // Rounding depends on the end it starts from: always the one with the smaller coordinate.
  let isFlat = dx >= dy
  let turned = isFlat ? from.x > to.x : from.y > to.y
  let (a, b) = turned ? (to, from) : (from, to)
  let length = isFlat ? dx : dy
  let slope = Double(isFlat ? b.y - a.y : b.x - a.x) / Double(length)
  for step in 0...length {
    let t = turned ? length - step : step
    if isFlat {
      body(Corner(x: a.x + t, y: Int(Double(a.y) + slope * Double(t) + 0.5)))
    } else {
      body(Corner(x: Int(Double(a.x) + slope * Double(t) + 0.5), y: a.y + t))
    }
  }
}

private func ceilDivide(_ value: Int, _ divisor: Int) -> Int {
  value > 0 ? (value + divisor - 1) / divisor : -(-value / divisor)
}

/// The runs between places in ascending order; two at one place cancel each other.
private func runs(between switches: [Int], height: Int, width: Int) -> RunLengths {
  let end = height * width
  var kept: [Int] = []
  for place in switches where place < end {
    if kept.last == place { kept.removeLast() } else { kept.append(place) }
  }
  var counts: [UInt32] = []
  var start = 0
  for place in kept + [end] {
    counts.append(UInt32(place - start))
    start = place
  }
  return RunLengths(trusted: counts, height: height, width: width)
}
