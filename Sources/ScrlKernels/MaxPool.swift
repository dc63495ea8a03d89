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

/// The input cells of one output cell; x points at the panel's first cell.
private struct PoolWindow {
  let rows, columns: Range<Int>
  let width: Int  // W
  let stride: Int  // floats from one cell to the next
  let past: Bool  // the caches

  @inline(__always)
  func sixteen(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ winners: UnsafeMutablePointer<Int32>
  ) {
    if rows.count == 3, columns.count == 3 {
      sixteen(x, y, winners, 3, 3)
    } else {
      sixteen(x, y, winners, rows.count, columns.count)
    }
  }

  /// With constant counts the loops unroll.
  @inline(__always)
  private func sixteen(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ winners: UnsafeMutablePointer<Int32>, _ rowCount: Int, _ columnCount: Int
  ) {
    var best = lanes(x, start &* stride)
    var won = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: start))
    for h in 0..<rowCount {
      for w in 0..<columnCount {
        let cell = start &+ h &* width &+ w
        let value = lanes(x, cell &* stride)
        let wins = (value .> best) .| (value .!= value)
        best.replace(with: value, where: wins)
        won.replace(with: SIMD16(repeating: Int32(truncatingIfNeeded: cell)), where: wins)
      }
    }
    store(best, y, 0, past: past)
    store(unsafeBitCast(won, to: Lanes.self), asFloats(winners), 0, past: past)
  }

  @inline(__always)
  func eight(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ winners: UnsafeMutablePointer<Int32>
  ) {
    if rows.count == 3, columns.count == 3 {
      eight(x, y, winners, 3, 3)
    } else {
      eight(x, y, winners, rows.count, columns.count)
    }
  }

  /// With constant counts the loops unroll.
  @inline(__always)
  private func eight(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ winners: UnsafeMutablePointer<Int32>, _ rowCount: Int, _ columnCount: Int
  ) {
    var best = eightLanes(x, start &* stride)
    var won = SIMD8<Int32>(repeating: Int32(truncatingIfNeeded: start))
    for h in 0..<rowCount {
      for w in 0..<columnCount {
        let cell = start &+ h &* width &+ w
        let value = eightLanes(x, cell &* stride)
        let wins = (value .> best) .| (value .!= value)
        best.replace(with: value, where: wins)
        won.replace(with: SIMD8(repeating: Int32(truncatingIfNeeded: cell)), where: wins)
      }
    }
    store(best, y, 0, past: past)
    store(unsafeBitCast(won, to: SIMD8<Float>.self), asFloats(winners), 0, past: past)
  }

  func one(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ winners: UnsafeMutablePointer<Int32>
  ) {
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

  private var start: Int { rows.lowerBound &* width &+ columns.lowerBound }
}

/// The same memory, for stores that move bits.
@inline(__always)
private func asFloats(_ p: UnsafeMutablePointer<Int32>) -> UnsafeMutablePointer<Float> {
  UnsafeMutableRawPointer(p).assumingMemoryBound(to: Float.self)
}
