// Windows of an NHWC activation as rows of a matrix ("im2col"), and back by addition.
// Letters: N images, I channels, H×W cells, P output pixels of all images, h = w kernel.
// A row has (h,w,I) columns: the kernel's w cells of one input line are consecutive in memory,
// so a row is h copies.

import ScrlBase
import ScrlTensor

/// All extents of one convolution.
package struct ConvolutionExtents {
  package let geometry: ConvolutionGeometry
  package let images: Int
  package let height, width: Int  // of x
  package let outputHeight, outputWidth: Int  // of y

  var outputCells: Int { outputHeight * outputWidth }
  var pixels: Int { images * outputCells }
  var columns: Int { geometry.kernel * geometry.kernel * geometry.inputs }
  /// The windows are x itself.
  var isPlainProduct: Bool {
    geometry.kernel == 1 && geometry.stride == 1 && geometry.padding == 0
  }
}

/// Part of one window row that lies inside the image: where it is in x and in the row.
private struct Segment {
  let source: Int  // offset into x
  let start, end: Int  // columns, relative to the row's first wanted column
}

/// Calls line(columns of this kernel line inside the row, segment or nil) for every kernel line.
@inline(__always)
private func forEachLine(
  _ e: ConvolutionExtents, _ image: Int, _ oy: Int, _ ox: Int, _ columns: Range<Int>,
  _ line: (_ start: Int, _ end: Int, Segment?) -> Void
) {
  let g = e.geometry
  let length = g.kernel &* g.inputs
  let left = ox &* g.stride &- g.padding
  let inside = max(0, 0 &- left) &* g.inputs
  let outside = max(0, min(g.kernel, e.width &- left)) &* g.inputs
  for tap in 0..<g.kernel {
    let base = tap &* length
    let from = max(columns.lowerBound &- base, 0)
    let to = min(columns.upperBound &- base, length)
    guard from < to else { continue }
    let shift = base &- columns.lowerBound
    let iy = oy &* g.stride &- g.padding &+ tap
    let (a, b) = (max(from, inside), min(to, outside))
    guard iy >= 0, iy < e.height, a < b else {
      line(shift &+ from, shift &+ to, nil)
      continue
    }
    let source = ((image &* e.height &+ iy) &* e.width &+ left) &* g.inputs &+ a
    line(
      shift &+ from, shift &+ to, Segment(source: source, start: shift &+ a, end: shift &+ b))
  }
}

@inline(__always)
private func forEachPixel(
  _ e: ConvolutionExtents, _ pixels: Range<Int>, _ body: (Int, Int, Int) -> Void
) {
  guard !pixels.isEmpty else { return }
  var image = pixels.lowerBound / e.outputCells
  var (oy, ox) = (pixels.lowerBound % e.outputCells)
    .quotientAndRemainder(dividingBy: e.outputWidth)
  for _ in pixels {
    body(image, oy, ox)
    ox &+= 1
    if ox == e.outputWidth { (ox, oy) = (0, oy &+ 1) }
    if oy == e.outputHeight { (oy, image) = (0, image &+ 1) }
  }
}

/// rows (pixels × columns) ← windows of x; zero outside the image.
func gatherWindows(
  _ x: UnsafePointer<Float>, _ e: ConvolutionExtents, pixels: Range<Int>, columns: Range<Int>,
  into rows: UnsafeMutablePointer<Float>
) {
  var row = rows
  forEachPixel(e, pixels) { image, oy, ox in
    forEachLine(e, image, oy, ox, columns) { start, end, segment in
      guard let s = segment else {
        (row + start).update(repeating: 0, count: end &- start)
        return
      }
      (row + start).update(repeating: 0, count: s.start &- start)
      (row + s.start).update(from: x + s.source, count: s.end &- s.start)
      (row + s.end).update(repeating: 0, count: end &- s.end)
    }
    row += columns.count
  }
}

/// dx += rows (pixels × all columns), each element where its window took it from.
func scatterWindows(
  _ rows: UnsafePointer<Float>, _ e: ConvolutionExtents, pixels: Range<Int>,
  into dx: UnsafeMutablePointer<Float>
) {
  var row = rows
  forEachPixel(e, pixels) { image, oy, ox in
    forEachLine(e, image, oy, ox, 0..<e.columns) { _, _, segment in
      guard let s = segment else { return }
      let (from, to) = (row + s.start, dx + s.source)
      for i in 0..<s.end &- s.start { to[i] += from[i] }
    }
    row += e.columns
  }
}
