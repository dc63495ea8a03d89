// Max pooling over k×k windows. Ties: the first cell in row order wins; NaN wins over numbers.
// Letters: N images, C channels in blocks of b, H×W input cells. Not here: MaxPoolBackward.

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
    workers.run(output.images * output.blocks * output.height) { line in
      poolLine(from, to, cells, input, output, g, line)
    }
    return (y, winners)
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
    var c = 0
    while c < block {
      if c &+ 16 <= block {
        poolSixteen(x + c, y + out + c, winners + out + c, rows, columns, width, block)
        c &+= 16
      } else if c &+ 8 <= block {
        poolEight(x + c, y + out + c, winners + out + c, rows, columns, width, block)
        c &+= 8
      } else {
        poolOne(x + c, y + out + c, winners + out + c, rows, columns, width, block)
        c &+= 1
      }
    }
  }
}

/// Sixteen channels of one window. `stride`: floats from one cell to the next.
private func poolSixteen(
  _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
  _ winners: UnsafeMutablePointer<Int32>, _ rows: Range<Int>, _ columns: Range<Int>,
  _ width: Int, _ stride: Int
) {
  let raw = UnsafeRawPointer(x)
  let start = rows.lowerBound &* width &+ columns.lowerBound
  var best = raw.loadUnaligned(fromByteOffset: start &* stride &* 4, as: SIMD16<Float>.self)
  var won = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: start))
  for h in rows {
    for w in columns {
      let cell = h &* width &+ w
      let value = raw.loadUnaligned(fromByteOffset: cell &* stride &* 4, as: SIMD16<Float>.self)
      let wins = (value .> best) .| (value .!= value)
      best.replace(with: value, where: wins)
      won.replace(with: SIMD16(repeating: Int32(truncatingIfNeeded: cell)), where: wins)
    }
  }
  UnsafeMutableRawPointer(y).storeBytes(of: best, as: SIMD16<Float>.self)
  UnsafeMutableRawPointer(winners).storeBytes(of: won, as: SIMD16<Int32>.self)
}

private func poolEight(
  _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
  _ winners: UnsafeMutablePointer<Int32>, _ rows: Range<Int>, _ columns: Range<Int>,
  _ width: Int, _ stride: Int
) {
  let raw = UnsafeRawPointer(x)
  let start = rows.lowerBound &* width &+ columns.lowerBound
  var best = raw.loadUnaligned(fromByteOffset: start &* stride &* 4, as: SIMD8<Float>.self)
  var won = SIMD8<Int32>(repeating: Int32(truncatingIfNeeded: start))
  for h in rows {
    for w in columns {
      let cell = h &* width &+ w
      let value = raw.loadUnaligned(fromByteOffset: cell &* stride &* 4, as: SIMD8<Float>.self)
      let wins = (value .> best) .| (value .!= value)
      best.replace(with: value, where: wins)
      won.replace(with: SIMD8(repeating: Int32(truncatingIfNeeded: cell)), where: wins)
    }
  }
  UnsafeMutableRawPointer(y).storeBytes(of: best, as: SIMD8<Float>.self)
  UnsafeMutableRawPointer(winners).storeBytes(of: won, as: SIMD8<Int32>.self)
}

private func poolOne(
  _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
  _ winners: UnsafeMutablePointer<Int32>, _ rows: Range<Int>, _ columns: Range<Int>,
  _ width: Int, _ stride: Int
) {
  let start = rows.lowerBound &* width &+ columns.lowerBound
  var (best, won) = (x[start &* stride], start)
  for h in rows {
    for w in columns {
      let cell = h &* width &+ w
      let value = x[cell &* stride]
      if value > best || value != value { (best, won) = (value, cell) }
    }
  }
  y[0] = best
  winners[0] = Int32(truncatingIfNeeded: won)
}
