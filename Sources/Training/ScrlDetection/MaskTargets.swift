// What the mask head is to say: a ground truth's mask, cropped to a box and resampled to S×S cells by
// RoIAlign (aligned, as many samples as a cell has pixels), 1 where the mean is at least ½.
// Detectron2's BitMasks.crop_and_resize in torchvision's order of float32 operations: means of
// exactly ½ are common, and each has to fall on the same side.

import ScrlImage

/// - Parameter mask: (H,W) row-major, 0 or 1.
func maskTarget(
  _ mask: UnsafeBufferPointer<UInt8>, height: Int, width: Int, box: PixelBox, side: Int
) -> [Float] {
  let rows = MaskAxis(box.y0, box.y1, cells: side, extent: height)
  let columns = MaskAxis(box.x0, box.x1, cells: side, extent: width)
  let count = Float(max(rows.perCell * columns.perCell, 1))
  var target = [Float](repeating: 0, count: side * side)
  for row in 0..<side {
    for column in 0..<side {
      var sum: Float = 0
      for y in rows.samples(of: row) where y.isInside {
        let (upper, lower) = (y.low * width, y.high * width)
        for x in columns.samples(of: column) where x.isInside {
          let (h, w) = (1 - y.part, 1 - x.part)
          var value = h * w * Float(mask[upper + x.low])
          value += h * x.part * Float(mask[upper + x.high])
          value += y.part * w * Float(mask[lower + x.low])
          value += y.part * x.part * Float(mask[lower + x.high])
          sum += value
        }
      }
      target[row * side + column] = sum / count >= 0.5 ? 1 : 0
    }
  }
  return target
}

/// Where the samples of a box's cells lie along an axis, and between which pixels.
private struct MaskAxis {
  struct Sample {
    let isInside: Bool
    let low: Int
    let high: Int
    let part: Float  // of the higher pixel
  }

  let perCell: Int
  private let all: [Sample]

  func samples(of cell: Int) -> ArraySlice<Sample> { all[cell * perCell..<(cell + 1) * perCell] }

  init(_ low: Float, _ high: Float, cells: Int, extent: Int) {
    let start = low - 0.5
    let length = (high - 0.5) - start
    let size = length / Float(cells)
    let count = max(Int(size.rounded(.up)), 0)
    perCell = count
    all = (0..<cells * count).map { i in
      let place =
        start + Float(i / count) * size + (Float(i % count) + 0.5) * size / Float(count)
      guard place >= -1, place <= Float(extent) else {
        return Sample(isInside: false, low: 0, high: 0, part: 0)
      }
      let inside = max(place, 0)
      let first = min(Int(inside), extent - 1)
      // The last pixel goes on to the border.
      return Sample(
        isInside: true, low: first, high: min(first + 1, extent - 1),
        part: first == extent - 1 ? 0 : inside - Float(first))
    }
  }
}
