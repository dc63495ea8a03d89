// A mask's S×S probabilities put at a box of the image: bilinear between the cells' centres, zero
// outside, cut at a threshold. Detectron2's paste_masks_in_image in the order of grid_sample's
// float32 operations. Made column by column, as COCO's runs lie: no picture of zeros is made.

import ScrlBase
import ScrlImage

/// - Parameter cells: (S,S) row-major.
func pastedMask(
  _ cells: ArraySlice<Float>, side: Int, box: PixelBox, height: Int, width: Int,
  threshold: Float
) throws(ScrlError) -> RunLengths {
  let (columns, rows) = (
    pixels(box.x0, box.x1, extent: width), pixels(box.y0, box.y1, extent: height)
  )
  let xs = columns.map { Neighbours($0, box.x0, box.x1, side: side) }
  let ys = rows.map { Neighbours($0, box.y0, box.y1, side: side) }
  let first = cells.startIndex
  func value(_ y: Int, _ x: Int) -> Float {
    (0..<side).contains(y) && (0..<side).contains(x) ? cells[first + y * side + x] : 0
  }
  var runs = Runs()
  for (column, x) in zip(columns, xs) {
    runs.extend(to: column * height + rows.lowerBound)
    for y in ys {
      var sum = value(y.low, x.low) * (y.lowPart * x.lowPart)
      sum += value(y.low, x.low + 1) * (y.lowPart * x.highPart)
      sum += value(y.low + 1, x.low) * (y.highPart * x.lowPart)
      sum += value(y.low + 1, x.low + 1) * (y.highPart * x.highPart)
      runs.append(sum >= threshold)
    }
  }
  runs.extend(to: height * width)
  return try RunLengths(uncompressed: runs.counts, height: height, width: width)
}

/// Those that a value can reach, and one more on each side.
private func pixels(_ low: Float, _ high: Float, extent: Int) -> Range<Int> {
  let first = min(max(Int(low.rounded(.down)) - 1, 0), extent)
  return first..<max(min(Int(high.rounded(.up)) + 1, extent), first)
}

/// The cells on both sides of a pixel's centre along an axis; the outer ones may not be there.
private struct Neighbours {
  let low: Int
  let lowPart: Float
  let highPart: Float

  init(_ pixel: Int, _ start: Float, _ end: Float, side: Int) {
    let place = (Float(pixel) + 0.5 - start) / (end - start) * 2 - 1  // −1…1 along the box
    let cell = (place + 1) * (Float(side) / 2) - 0.5
    let floor = min(max(cell, -2), Float(side) + 1).rounded(.down)
    low = Int(floor)
    highPart = cell - floor
    lowPart = 1 - highPart
  }
}

/// Runs of equal pixels in COCO's order, zeros first.
private struct Runs {
  private(set) var counts = [0]
  private var total = 0

  mutating func append(_ isSet: Bool) {
    if isSet != (counts.count % 2 == 0) { counts.append(0) }
    counts[counts.count - 1] += 1
    total += 1
  }

  /// Zeros up to a place.
  mutating func extend(to place: Int) {
    guard place > total else { return }
    if counts.count % 2 == 0 { counts.append(0) }
    counts[counts.count - 1] += place - total
    total = place
  }
}
