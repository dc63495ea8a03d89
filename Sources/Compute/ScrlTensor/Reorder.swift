// Between plain NCHW, which hosts speak, and the blocked layout, which kernels speak.

import ScrlBase

extension Tensor {
  /// A plain (N,C,H,W) tensor in blocks of b channels. b divides C. One channel a block is the
  /// same memory.
  package func blocked(_ block: Int, workers: Workers) throws(ScrlError) -> Tensor {
    guard shape.count == 4, layout == .plain, block > 0, shape[1] % block == 0 else {
      throw ScrlError(.shape, "reorder: \(shape), \(layout) cannot be cut in blocks of \(block)")
    }
    if block == 1 { return try reshaped(shape, layout: .blocked(1)) }
    let result = try Tensor(uninitialized: shape, layout: .blocked(block))
    let (from, to) = (pointer, result.pointer)
    forEachTile(shape, block, workers) { panel, channel, tile, cells in
      let (from, to) = (from + (panel &+ channel &* cells), to + (panel &+ channel))
      for cell in tile { to[cell &* block] = from[cell] }
    }
    return result
  }

  /// An activation (N,C,H,W) in plain order.
  package func plain(workers: Workers) throws(ScrlError) -> Tensor {
    guard case .blocked = layout, shape.count == 4 else { return self }
    let result = try Tensor(uninitialized: shape, layout: .plain)
    writePlain(into: result.pointer, workers: workers)
    return result
  }

  /// Writes a blocked activation (N,C,H,W) in plain order.
  package func writePlain(into plain: UnsafeMutablePointer<Float>, workers: Workers) {
    guard case .blocked(let block) = layout, shape.count == 4 else { return }
    let (from, to) = (pointer, plain)
    forEachTile(shape, block, workers) { panel, channel, tile, cells in
      let (from, to) = (from + (panel &+ channel), to + (panel &+ channel &* cells))
      for cell in tile { to[cell] = from[cell &* block] }
    }
  }
}

/// Calls move(offset of a panel, channel in it, some cells, all cells). A panel is one block of
/// one image, the same floats in both orders; its tiles stay in a core's first cache.
@inline(__always)
private func forEachTile(
  _ shape: [Int], _ block: Int, _ workers: Workers, _ move: (Int, Int, Range<Int>, Int) -> Void
) {
  let cells = shape[2] * shape[3]
  let grain = max(1, 2048 / block)
  workers.run(shape[0] * (shape[1] / block)) { panel in
    for first in stride(from: 0, to: cells, by: grain) {
      let tile = first..<min(first &+ grain, cells)
      for channel in 0..<block { move(panel &* cells &* block, channel, tile, cells) }
    }
  }
}
