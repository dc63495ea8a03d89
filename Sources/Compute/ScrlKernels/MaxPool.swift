// Max pooling over k×k windows. Ties: the first cell in row order wins; NaN wins over numbers.
// Letters: N images, C channels in blocks of b, H×W input cells. Not here: one
// window's loops (PoolWindow), the gradient (MaxPoolBackward).

import ScrlBase
import ScrlTensor

extension Engine {
  package func maxPool(
    _ x: Tensor, into y: Tensor, _ winners: PoolWinners
  ) throws(ScrlError) {
    let (input, output) = (try x.rowsShape("max_pool"), try y.rowsShape("max_pool"))
    let g = winners.geometry
    guard x.shape.count == 4, y.layout == x.layout, winners.outputShape == output,
      y.shape == (try pooledShape(x.shape, g))
    else {
      throw ScrlError(
        .shape,
        "max_pool: got x \(x.shape) \(x.layout), y \(y.shape) \(y.layout), winners of "
          + "\(winners.outputShape) · expected one (N,C,H,W) and its pooled extents")
    }
    let (from, to, cells) = (x.pointer, y.pointer, winners.cells)
    workers.run(output.images * output.blocks * output.height) { line in
      poolLine(from, to, cells, input, output, g, line)
    }
  }
}

/// (N,C,H',W') of a pooled activation (N,C,H,W).
package func pooledShape(_ x: [Int], _ g: PoolGeometry) throws(ScrlError) -> [Int] {
  guard x.count == 4 else {
    throw ScrlError(.shape, "max_pool: got shape \(x) · expected (N,C,H,W)")
  }
  return [x[0], x[1], try g.outputExtent(x[2]), try g.outputExtent(x[3])]
}

/// One row of output cells of one (image, block).
private func poolLine(
  _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
  _ winners: UnsafeMutablePointer<Int32>, _ input: ActivationShape, _ output: ActivationShape,
  _ g: PoolGeometry, _ line: Int
) {
  let (panel, row) = line.quotientAndRemainder(dividingBy: output.height)
  let block = input.block
  let x = x + panel * input.cells * block
  let top = row * g.stride - g.padding
  for column in 0..<output.width {
    let left = column * g.stride - g.padding
    let window = PoolWindow(
      rows: max(top, 0)..<min(top + g.kernel, input.height),
      columns: max(left, 0)..<min(left + g.kernel, input.width), width: input.width, stride: block)
    let out = (line &* output.width &+ column) &* block
    var c = 0
    while c < block {
      if c &+ 16 <= block {
        window.sixteen(x + c, y + out + c, winners + out + c)
        c &+= 16
      } else if c &+ 8 <= block {
        window.eight(x + c, y + out + c, winners + out + c)
        c &+= 8
      } else {
        window.one(x + c, y + out + c, winners + out + c)
        c &+= 1
      }
    }
  }
}
