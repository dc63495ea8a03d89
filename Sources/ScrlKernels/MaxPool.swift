// Max pooling over k×k windows. Ties: the first cell in row order wins; NaN wins over numbers.
// Letters: N images, C channels in blocks of b, H×W input cells.

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
    let workers = self.workers
    let cells = [Int32](unsafeUninitializedCapacity: output.count) { buffer, count in
      count = output.count
      guard let winners = buffer.baseAddress else { return }
      workers.run(output.images * output.blocks * output.height) { line in
        poolLine(x.pointer, y.pointer, winners, input, output, g, line)
      }
    }
    return (y, PoolWinners(cells: cells, outputShape: output))
  }

  package func maxPoolBackward(
    _ dy: Tensor, winners: PoolWinners, inputHeight: Int, inputWidth: Int
  ) throws(ScrlError) -> Tensor {
    let output = winners.outputShape
    guard dy.shape == [output.images, output.channels, output.height, output.width],
      dy.layout == .blocked(output.block), inputHeight > 0, inputWidth > 0
    else {
      throw ScrlError(
        .shape,
        "max_pool_backward: got \(dy.shape) \(dy.layout), input \(inputHeight)×\(inputWidth) · "
          + "expected \(output)")
    }
    let dx = try Tensor(
      uninitialized: [output.images, output.channels, inputHeight, inputWidth], layout: dy.layout)
    let (block, cells) = (output.block, inputHeight * inputWidth)
    let (from, to) = (dy.pointer, dx.pointer)
    winners.cells.withUnsafeBufferPointer { won in
      guard let won = won.baseAddress else { return }
      workers.run(output.images * output.blocks) { panel in
        let to = to + panel * cells * block
        to.update(repeating: 0, count: cells * block)
        for cell in panel * output.cells..<(panel + 1) * output.cells {
          let start = cell &* block
          for c in 0..<block { to[Int(won[start &+ c]) &* block &+ c] += from[start &+ c] }
        }
      }
    }
    return dx
  }
}

/// One row of output cells of one (image, block).
private func poolLine(
  _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
  _ winners: UnsafeMutablePointer<Int32>, _ input: ActivationShape, _ output: ActivationShape,
  _ g: PoolGeometry, _ line: Int
) {
  let (panel, row) = line.quotientAndRemainder(dividingBy: output.height)
  let (block, width) = (input.block, input.width)
  let x = x + panel * input.cells * block
  let top = row * g.stride - g.padding
  let rows = max(top, 0)..<min(top + g.kernel, input.height)
  for column in 0..<output.width {
    let left = column * g.stride - g.padding
    let columns = max(left, 0)..<min(left + g.kernel, width)
    let out = (line &* output.width &+ column) &* block
    let (y, winners) = (y + out, winners + out)
    let first = rows.lowerBound &* width &+ columns.lowerBound
    y.update(from: x + first &* block, count: block)
    winners.update(repeating: Int32(truncatingIfNeeded: first), count: block)
    for h in rows {
      for w in columns {
        let cell = h &* width &+ w
        takeLarger(x + cell &* block, Int32(truncatingIfNeeded: cell), y, winners, block)
      }
    }
  }
}

@inline(__always)
private func takeLarger(
  _ x: UnsafePointer<Float>, _ cell: Int32, _ y: UnsafeMutablePointer<Float>,
  _ winners: UnsafeMutablePointer<Int32>, _ count: Int
) {
  for c in 0..<count {
    let (value, best) = (x[c], y[c])
    let wins = (value > best) != (value != value)
    y[c] = wins ? value : best
    winners[c] = wins ? cell : winners[c]
  }
}
