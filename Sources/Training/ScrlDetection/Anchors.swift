// Anchors: A boxes around every cell's corner of a level, one size and several ratios a level.
// Letters: H×W cells, A anchors per cell. The anchor a of cell (y,x) has index (y·W + x)·A + a.

import ScrlImage

/// The anchors of one level around the origin: √area is `size`, height / width is a ratio.
func cellAnchors(size: Double, ratios: [Double]) -> [PixelBox] {
  ratios.map { ratio in
    let width = (size * size / ratio).squareRoot()
    let height = ratio * width
    return PixelBox(
      x0: Float(-width / 2), y0: Float(-height / 2), x1: Float(width / 2), y1: Float(height / 2))
  }
}

/// All anchors of a level, its cells `stride` pixels apart, the first cell's at (0,0).
func gridAnchors(_ cell: [PixelBox], height: Int, width: Int, stride: Int) -> [PixelBox] {
  var anchors: [PixelBox] = []
  anchors.reserveCapacity(height * width * cell.count)
  for y in 0..<height {
    for x in 0..<width {
      for box in cell { anchors.append(box.shifted(x: Float(x * stride), y: Float(y * stride))) }
    }
  }
  return anchors
}
