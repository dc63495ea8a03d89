// Max pooling over k×k windows. Ties: the first cell in row order wins; NaN wins over numbers.
// Letters: N images, C channels in blocks of b, H×W input cells. Not here: one
// window's loops (PoolWindow), the gradient (MaxPoolBackward).

import ScrlBase
import ScrlTensor

extension Engine {
  package func maxPool(
    _ x: Tensor, _ g: PoolGeometry
  ) throws(ScrlError) -> (y: Tensor, winners: PoolWinners) {
    let input = try x.rowsShape("max_pool")
    guard x.shape.count == 4 else {
      throw ScrlError(.shape, "max_pool: got shape \(x.shape) · expected (N,C,H,W)")
    }
    let y = try Tensor(
      uninitialized: [
        input.images, input.channels, try g.outputExtent(input.height),
        try g.outputExtent(input.width),
      ],
      layout: x.layout)
    let output = try y.rowsShape("max_pool")
    let winners = try PoolWinners(uninitialized: output, g)
    let (from, to, cells) = (x.pointer, y.pointer, winners.cells)
    let past = goesPastCaches(output.count, block: output.block)
    workers.run(output.images * output.blocks * output.height) { line in
      poolLine(from, to, cells, input, output, g, line, past: past)
      endStores(past: past)
    }
    return (y, winners)
  }
}

/// One row of output cells of one (image, block).
private func poolLine(
  _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
  _ winners: UnsafeMutablePointer<Int32>, _ input: ActivationShape, _ output: ActivationShape,
  _ g: PoolGeometry, _ line: Int, past: Bool
) {
  let (panel, row) = line.quotientAndRemainder(dividingBy: output.height)
  let block = input.block
  let x = x + panel * input.cells * block
  let top = row * g.stride - g.padding
  for column in 0..<output.width {
    let left = column * g.stride - g.padding
    let window = PoolWindow(
      rows: max(top, 0)..<min(top + g.kernel, input.height),
      columns: max(left, 0)..<min(left + g.kernel, input.width), width: input.width, stride: block,
      past: past)
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
