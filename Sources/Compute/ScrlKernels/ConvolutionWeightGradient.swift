// The weight's gradient: dWeight (O×columns) += dyᵀ (O×P) · windows of x (P×columns), in two ways
// of sharing the work. Both add in an order fixed by the shapes and the worker count.

import ScrlBase
import ScrlTensor

extension OpenBLASEngine {
  /// A task owns a range of the pixels and a dWeight of its own; these are added in order.
  func addPixelShares(
    _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ e: ConvolutionExtents,
    into dWeight: UnsafeMutablePointer<Float>
  ) throws(ScrlError) {
    let size = e.geometry.outputs * e.columns
    let share = (e.pixels + workers.count - 1) / workers.count
    let tile = e.isPlainProduct ? share : windowTile(e.columns, share)
    let slots = try ScratchSlots(workers, size: e.isPlainProduct ? 1 : tile * e.columns)
    let tasks = (e.pixels + share - 1) / share
    try withScratch(tasks * size) { partial in
      workers.ranges(e.pixels, grain: share) { pixels in
        let sum = partial + pixels.lowerBound / share * size
        slots.borrow { rows in
          addTiles(dy, x, e, pixels, 0..<e.columns, tile, rows, into: sum, startingAtZero: true)
        }
      }
      workers.ranges(size, grain: 16_384) { range in
        for task in 0..<tasks {
          let from = partial + task &* size
          for i in range { dWeight[i] += from[i] }
        }
      }
    }
  }

  /// A task owns a slice of the columns, gathers only those, and adds the tiles in order.
  func addColumnShares(
    _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ e: ConvolutionExtents,
    into dWeight: UnsafeMutablePointer<Float>
  ) throws(ScrlError) {
    let slice = max(16, ((e.columns + workers.count - 1) / workers.count + 15) & ~15)
    let tile = windowTile(slice, e.pixels)
    let slots = try ScratchSlots(workers, size: tile * slice)
    workers.ranges(e.columns, grain: slice) { columns in
      slots.borrow { rows in
        addTiles(
          dy, x, e, 0..<e.pixels, columns, tile, rows, into: dWeight + columns.lowerBound,
          startingAtZero: false)
      }
    }
  }
}

/// Pixels per tile: enough for a deep product, few enough for the cache.
private func windowTile(_ columns: Int, _ pixels: Int) -> Int {
  max(1, min(max(256, 131_072 / columns), pixels))
}

private func addTiles(
  _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ e: ConvolutionExtents,
  _ pixels: Range<Int>, _ columns: Range<Int>, _ tile: Int, _ rows: UnsafeMutablePointer<Float>,
  into result: UnsafeMutablePointer<Float>, startingAtZero: Bool
) {
  let outputs = e.geometry.outputs
  for first in stride(from: pixels.lowerBound, to: pixels.upperBound, by: tile) {
    let part = first..<min(first + tile, pixels.upperBound)
    var windows = Matrix(start: x + first * e.columns, stride: e.columns)
    if !e.isPlainProduct {
      gatherWindows(x, e, pixels: part, columns: columns, into: rows)
      windows = Matrix(start: rows, stride: columns.count)
    }
    gemmAlone(
      outputs, columns.count, part.count,
      Matrix(start: dy + first * outputs, stride: outputs, transposed: true), windows,
      beta: startingAtZero && first == pixels.lowerBound ? 0 : 1, into: result,
      stride: e.columns)
  }
}
