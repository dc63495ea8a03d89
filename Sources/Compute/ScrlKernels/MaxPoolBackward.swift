// The gradient of max pooling: each output's goes to the input cell that won it.
// Letters: H×W input cells, b channels per block, k×k windows of stride s and padding p.

import ScrlBase
import ScrlTensor

extension Engine {
  package func maxPoolBackward(
    _ dy: Tensor, winners: PoolWinners, into dx: Tensor
  ) throws(ScrlError) {
    let (output, g) = (winners.outputShape, winners.geometry)
    guard try dy.rowsShape("max_pool_backward") == output, dx.layout == dy.layout,
      try pooledShape(dx.shape, g) == dy.shape
    else {
      throw ScrlError(
        .shape,
        "max_pool_backward: got \(dy.shape) \(dy.layout), input \(dx.shape) \(dx.layout) · "
          + "expected \(output)")
    }
    let (inputHeight, inputWidth) = (dx.shape[2], dx.shape[3])
    let row = inputWidth * output.block
    let slots = try ScratchSlots(workers, size: g.kernel * row)
    let (from, to, won) = (dy.pointer, dx.pointer, winners.cells)
    workers.run(output.images * output.blocks) { panel in
      let start = panel * output.cells * output.block
      slots.borrow { window in
        let strip = PoolStrip(window: window, g: g, row: row, height: inputHeight)
        strip.scatter(from + start, won + start, output, into: to + panel * inputHeight * row)
      }
    }
  }
}

/// The k rows of dx under the present row of windows: they are summed in a core's own cache, and
/// each is written once, when no later window reaches it.
private struct PoolStrip {
  let window: UnsafeMutablePointer<Float>  // (k, W, b)
  let g: PoolGeometry
  let row: Int  // W·b
  let height: Int  // H

  func scatter(
    _ dy: UnsafePointer<Float>, _ won: UnsafePointer<Int32>, _ output: ActivationShape,
    into dx: UnsafeMutablePointer<Float>
  ) {
    let line = output.width * output.block
    window.update(repeating: 0, count: g.kernel * row)
    var top = -g.padding
    for index in 0..<output.height {
      add(dy + index * line, won + index * line, cells: output.width, output.block, top)
      let next = index + 1 < output.height ? top + g.stride : height
      write(top..<next, top, into: dx)
      moveUp(by: g.stride)
      top += g.stride
    }
  }

  /// One row of outputs. A winner's offset in the window is its offset in dx less that of `top`.
  private func add(
    _ dy: UnsafePointer<Float>, _ won: UnsafePointer<Int32>, cells: Int, _ block: Int, _ top: Int
  ) {
    let first = window - top * row
    for cell in 0..<cells {
      let (dy, won) = (dy + cell &* block, won + cell &* block)
      for c in 0..<block { first[Int(won[c]) &* block &+ c] += dy[c] }
    }
  }

  /// Rows beyond the window are of no window: zero.
  private func write(_ rows: Range<Int>, _ top: Int, into dx: UnsafeMutablePointer<Float>) {
    for y in rows.clamped(to: 0..<height) {
      let to = dx + y * row
      if y - top >= g.kernel {
        to.update(repeating: 0, count: row)
      } else {
        to.update(from: window + (y - top) * row, count: row)
      }
    }
  }

  private func moveUp(by rows: Int) {
    let kept = max(g.kernel - rows, 0) * row
    if kept > 0 { window.update(from: window + rows * row, count: kept) }
    (window + kept).update(repeating: 0, count: g.kernel * row - kept)
  }
}
