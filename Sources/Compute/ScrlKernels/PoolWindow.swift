// One window of max pooling: the largest of its cells and which it was, for 16, 8 or 1 channels.

/// The input cells of one output cell; x points at the panel's first cell.
struct PoolWindow {
  let rows, columns: Range<Int>
  let width: Int  // W
  let stride: Int  // floats from one cell to the next

  @inline(__always)
  func sixteen(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ winners: UnsafeMutablePointer<Int32>
  ) {
    var best = lanes(x, start &* stride)
    var won = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: start))
    for h in rows {
      for w in columns {
        let cell = h &* width &+ w
        let value = lanes(x, cell &* stride)
        let wins = (value .> best) .| (value .!= value)
        best.replace(with: value, where: wins)
        won.replace(with: SIMD16(repeating: Int32(truncatingIfNeeded: cell)), where: wins)
      }
    }
    store(best, y, 0)
    store(unsafeBitCast(won, to: Lanes.self), asFloats(winners), 0)
  }

  @inline(__always)
  func eight(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ winners: UnsafeMutablePointer<Int32>
  ) {
    var best = eightLanes(x, start &* stride)
    var won = SIMD8<Int32>(repeating: Int32(truncatingIfNeeded: start))
    for h in rows {
      for w in columns {
        let cell = h &* width &+ w
        let value = eightLanes(x, cell &* stride)
        let wins = (value .> best) .| (value .!= value)
        best.replace(with: value, where: wins)
        won.replace(with: SIMD8(repeating: Int32(truncatingIfNeeded: cell)), where: wins)
      }
    }
    store(best, y, 0)
    store(unsafeBitCast(won, to: SIMD8<Float>.self), asFloats(winners), 0)
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
