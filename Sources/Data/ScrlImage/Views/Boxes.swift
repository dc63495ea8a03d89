// Matched boxes: the same region of the source image, seen in two views (SCRL, section 3).
// Letters: S view size; zoom = S / crop extent, for x and y apart. Sampling happens on a canvas:
// the crops' intersection at the smaller zoom of the two, in whole pixels.

import ScrlBase

/// The pairs for one image; empty when the views share too little.
package func matchedBoxes(
  _ g1: ViewGeometry, _ g2: ViewGeometry, size: Int, _ options: BoxOptions,
  _ stream: inout RandomStream
) -> [(PixelBox, PixelBox)] {
  guard let canvas = Canvas(g1.crop, g2.crop, size: size, minSize: max(1, options.minSize))
  else {
    return []
  }
  var accepted: [(Box, Box)] = []
  accepted.reserveCapacity(options.perImage)
  for index in 0..<max(0, options.perImage) {
    var pair: (Box, Box)?
    for _ in 0..<max(1, options.attempts) {
      let place = canvas.draw(options, &stream)
      let one = canvas.map(place, to: g1)
      var two = canvas.map(place, to: g2)
      if options.jitter > 0 { two = two.jittered(options.jitter, &stream) }
      pair = (one, two)
      // The candidate is compared unclipped with boxes that were clipped on acceptance.
      if index == 0 || options.iouThreshold == 1
        || accepted.allSatisfy({ one.iou($0.0) < options.iouThreshold })
      {
        break
      }
    }
    if let pair { accepted.append((pair.0.clipped(to: size), pair.1.clipped(to: size))) }
  }
  return accepted.map { ($0.0.rounded, $0.1.rounded) }
}

/// A box in Double: canvas pixels when drawn, view pixels when mapped.
private struct Box {
  var x0: Double
  var y0: Double
  var x1: Double
  var y1: Double

  var rounded: PixelBox { PixelBox(x0: Float(x0), y0: Float(y0), x1: Float(x1), y1: Float(y1)) }

  func clipped(to size: Int) -> Box {
    Box(x0: max(0, x0), y0: max(0, y0), x1: min(Double(size), x1), y1: min(Double(size), y1))
  }

  func iou(_ other: Box) -> Double {
    let width = min(x1, other.x1) - max(x0, other.x0)
    let height = min(y1, other.y1) - max(y0, other.y0)
    guard width > 0, height > 0 else { return 0 }
    let both = width * height
    let own = (x1 - x0) * (y1 - y0)
    let others = (other.x1 - other.x0) * (other.y1 - other.y0)
    return both / (own + others - both)
  }

  /// Left and top move by U(±ratio) of the extent; then the extent is scaled by U(1 ± ratio).
  func jittered(_ ratio: Double, _ stream: inout RandomStream) -> Box {
    let (width, height) = (x1 - x0, y1 - y0)
    let left = x0 + width * stream.uniform(in: -ratio...ratio)
    let top = y0 + height * stream.uniform(in: -ratio...ratio)
    let right = left + width * stream.uniform(in: 1 - ratio...1 + ratio)
    let bottom = top + height * stream.uniform(in: 1 - ratio...1 + ratio)
    return Box(x0: left, y0: top, x1: right, y1: bottom)
  }
}

private struct Canvas {
  let size: Double  // S
  let left: Double  // of the intersection, source pixels
  let top: Double
  let zoomX: Double  // the smaller of the two views'
  let zoomY: Double
  let width: Int  // W, H: the intersection in canvas pixels
  let height: Int

  /// nil when the intersection is empty or not larger than `minSize` both ways.
  init?(_ a: Crop, _ b: Crop, size: Int, minSize: Int) {
    let (left, right) = (max(a.x, b.x), min(a.x + a.width, b.x + b.width))
    let (top, bottom) = (max(a.y, b.y), min(a.y + a.height, b.y + b.height))
    guard left < right, top < bottom, a.width > 0, b.width > 0, a.height > 0, b.height > 0
    else { return nil }
    self.size = Double(size)
    self.left = Double(left)
    self.top = Double(top)
    zoomX = Double(size) / Double(max(a.width, b.width))
    zoomY = Double(size) / Double(max(a.height, b.height))
    width = Int((Double(right - left) * zoomX).rounded(.toNearestOrEven))
    height = Int((Double(bottom - top) * zoomY).rounded(.toNearestOrEven))
    guard width > minSize, height > minSize else { return nil }
  }

  /// Whole canvas pixels. Ranges are half open; a fractional cell counts as its floor.
  func draw(_ options: BoxOptions, _ stream: inout RandomStream) -> Box {
    let least = max(1, options.minSize)
    var x = 0
    var y = 0
    let w: Int
    let h: Int
    switch options.sampler {
    case .grid:
      let columns = stream.integer(in: 1..<width / least + 1)
      let rows = stream.integer(in: 1..<height / least + 1)
      let cellWidth = Double(width) / Double(columns)
      let cellHeight = Double(height) / Double(rows)
      let column = stream.integer(in: 0..<columns)
      let row = stream.integer(in: 0..<rows)
      w = stream.integer(in: least..<Int(cellWidth) + 1)
      h = stream.integer(in: least..<Int(cellHeight) + 1)
      x = stream.integer(in: 0..<Int(cellWidth) - w + 1) + Int(Double(column) * cellWidth)
      y = stream.integer(in: 0..<Int(cellHeight) - h + 1) + Int(Double(row) * cellHeight)
    case .plain:
      w = stream.integer(in: least..<width)
      h = stream.integer(in: least..<height)
      x = stream.integer(in: 0..<width - w)
      y = stream.integer(in: 0..<height - h)
    }
    return Box(x0: Double(x), y0: Double(y), x1: Double(x + w), y1: Double(y + h))
  }

  /// Canvas → source pixels → pixels of the view.
  func map(_ box: Box, to view: ViewGeometry) -> Box {
    let viewZoomX = size / Double(view.crop.width)
    let viewZoomY = size / Double(view.crop.height)
    let offsetX = left - Double(view.crop.x)
    let offsetY = top - Double(view.crop.y)
    var mapped = Box(
      x0: (box.x0 / zoomX + offsetX) * viewZoomX, y0: (box.y0 / zoomY + offsetY) * viewZoomY,
      x1: (box.x1 / zoomX + offsetX) * viewZoomX, y1: (box.y1 / zoomY + offsetY) * viewZoomY)
    if view.flipped { (mapped.x0, mapped.x1) = (size - mapped.x1, size - mapped.x0) }
    return mapped
  }
}
