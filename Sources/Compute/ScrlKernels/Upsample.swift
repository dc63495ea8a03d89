// A coarse map added to one twice as large: y = fine + each coarse cell four times (PyTorch's
// nearest interpolation by 2), and the coarse map's gradient, the sum of the four.
// Letters: N images, C channels in blocks of b, h×w coarse cells. The fine map's gradient is dy.

import ScrlBase
import ScrlTensor

extension Engine {
  package func upsampleAdd(
    _ coarse: Tensor, _ fine: Tensor, into y: Tensor
  ) throws(ScrlError) {
    let shape = try expectDoubled("upsample_add", coarse, fine)
    try expectSame("upsample_add", fine, y)
    let (few, many, to) = (coarse.pointer, fine.pointer, y.pointer)
    forEachLine(shape) { line in
      for cell in line.coarse..<line.coarse &+ line.count {
        line.corners(cell).forEach { corner in
          addCell(few + cell &* shape.block, many + corner, shape.block, to + corner)
        }
      }
    }
  }

  package func upsampleAddBackward(
    _ dy: Tensor, into dCoarse: Tensor
  ) throws(ScrlError) {
    let shape = try expectDoubled("upsample_add_backward", dCoarse, dy)
    let (from, to) = (dy.pointer, dCoarse.pointer)
    forEachLine(shape) { line in
      for cell in line.coarse..<line.coarse &+ line.count {
        sumCells(from, line.corners(cell), shape.block, to + cell &* shape.block)
      }
    }
  }

  /// Calls body for every line of coarse cells.
  private func forEachLine(_ coarse: ActivationShape, _ body: (DoubledLine) -> Void) {
    let lines = coarse.images * coarse.blocks * coarse.height
    let grain = max(1, 8192 / max(coarse.width * coarse.block, 1))
    workers.ranges(lines, grain: grain) { range in
      for line in range { body(DoubledLine(line, width: coarse.width, block: coarse.block)) }
    }
  }
}

/// One line of coarse cells, and the two fine lines that it covers.
private struct DoubledLine {
  let coarse: Int  // its first cell, of all panels
  let count: Int  // w
  private let fine: Int  // floats before the upper fine line
  private let block: Int

  // A fine panel has four times the cells and twice the lines: line l begins at cell 4·w·l.
  init(_ line: Int, width: Int, block: Int) {
    (coarse, count, self.block) = (line &* width, width, block)
    fine = line &* width &* 4 &* block
  }

  /// Offsets of the four fine cells of a coarse one, in row order.
  @inline(__always)
  func corners(_ cell: Int) -> SIMD4<Int> {
    let first = fine &+ (cell &- coarse) &* 2 &* block
    let below = first &+ count &* 2 &* block
    return SIMD4(first, first &+ block, below, below &+ block)
  }
}

extension SIMD4<Int> {
  @inline(__always)
  fileprivate func forEach(_ body: (Int) -> Void) {
    body(x)
    body(y)
    body(z)
    body(w)
  }
}

/// y = a + b over a cell's b channels.
@inline(__always)
private func addCell(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int,
  _ y: UnsafeMutablePointer<Float>
) {
  var c = 0
  while c &+ 8 <= count {
    store(eightLanes(a, c) + eightLanes(b, c), y, c)
    c &+= 8
  }
  while c < count {
    y[c] = a[c] + b[c]
    c &+= 1
  }
}

/// y = the sum of four cells, (upper pair) + (lower pair).
@inline(__always)
private func sumCells(
  _ x: UnsafePointer<Float>, _ corners: SIMD4<Int>, _ count: Int,
  _ y: UnsafeMutablePointer<Float>
) {
  let (p, q, r, s) = (x + corners.x, x + corners.y, x + corners.z, x + corners.w)
  var c = 0
  while c &+ 8 <= count {
    let upper = eightLanes(p, c) + eightLanes(q, c)
    store(upper + (eightLanes(r, c) + eightLanes(s, c)), y, c)
    c &+= 8
  }
  while c < count {
    y[c] = (p[c] + q[c]) + (r[c] + s[c])
    c &+= 1
  }
}

/// The coarse extents; the fine map has twice as many cells along each side.
private func expectDoubled(
  _ operation: String, _ coarse: Tensor, _ fine: Tensor
) throws(ScrlError) -> ActivationShape {
  let (small, large) = (try coarse.rowsShape(operation), try fine.rowsShape(operation))
  guard coarse.shape.count == 4, fine.shape.count == 4, small.images == large.images,
    small.channels == large.channels, small.block == large.block,
    large.height == 2 * small.height, large.width == 2 * small.width
  else {
    throw ScrlError(
      .shape,
      "\(operation): got coarse \(coarse.shape) \(coarse.layout), fine \(fine.shape) "
        + "\(fine.layout) · expected one (N,C,h,w) and (N,C,2h,2w) in blocks alike")
  }
  return small
}
