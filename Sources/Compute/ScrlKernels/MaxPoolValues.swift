// Max pooling for inference: the values alone, not the cells that they came from.
// The values are maxPool's: NaN wins over numbers.

import ScrlBase
import ScrlTensor

extension Engine {
  package func maxPoolValues(_ x: Tensor, _ g: PoolGeometry) throws(ScrlError) -> Tensor {
    let input = try x.rowsShape("max_pool")
    let y = try Tensor(uninitialized: try pooledShape(x.shape, g), layout: x.layout)
    guard input.block % laneCount == 0 else {
      try maxPool(x, into: y, try PoolWinners(uninitialized: y, g))
      return y
    }
    let (height, width) = (y.shape[2], y.shape[3])
    let (from, to, block) = (x.pointer, y.pointer, input.block)
    workers.run(input.images * input.blocks * height) { line in
      let (panel, row) = line.quotientAndRemainder(dividingBy: height)
      let x = from + panel * input.cells * block
      let top = row * g.stride - g.padding
      let rows = max(top, 0)..<min(top + g.kernel, input.height)
      for column in 0..<width {
        let left = column &* g.stride &- g.padding
        let columns = max(left, 0)..<min(left &+ g.kernel, input.width)
        let out = to + (line &* width &+ column) &* block
        for c in stride(from: 0, to: block, by: laneCount) {
          store(largest(x + c, rows, columns, width: input.width, block: block), out, c)
        }
      }
    }
    return y
  }
}

/// The largest of a window's cells, for sixteen channels.
@inline(__always)
private func largest(
  _ x: UnsafePointer<Float>, _ rows: Range<Int>, _ columns: Range<Int>, width: Int, block: Int
) -> Lanes {
  var best = lanes(x, (rows.lowerBound &* width &+ columns.lowerBound) &* block)
  for h in rows {
    for w in columns {
      let value = lanes(x, (h &* width &+ w) &* block)
      best.replace(with: value, where: (value .> best) .| (value .!= value))
    }
  }
  return best
}
