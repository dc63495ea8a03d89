// Between plain NCHW, which hosts speak, and the blocked layout, which kernels speak.

import ScrlBase

extension Tensor {
  /// A plain (N,C,H,W) tensor in blocks of b channels. b divides C.
  package func blocked(_ block: Int, workers: Workers) throws(ScrlError) -> Tensor {
    guard shape.count == 4, layout == .plain, block > 0, shape[1] % block == 0 else {
      throw ScrlError(.shape, "reorder: \(shape), \(layout) cannot be cut in blocks of \(block)")
    }
    let result = try Tensor(uninitialized: shape, layout: .blocked(block))
    moveBlocks(shape, block, workers) { plain, blocked in
      result.pointer[blocked] = pointer[plain]
    }
    return result
  }

  /// An activation (N,C,H,W) in plain order.
  package func plain(workers: Workers) throws(ScrlError) -> Tensor {
    guard case .blocked(let block) = layout, shape.count == 4 else { return self }
    let result = try Tensor(uninitialized: shape, layout: .plain)
    moveBlocks(shape, block, workers) { plain, blocked in
      result.pointer[plain] = pointer[blocked]
    }
    return result
  }
}

/// Calls move(plain offset, blocked offset) for every element, image by image in parallel.
@inline(__always)
private func moveBlocks(
  _ shape: [Int], _ block: Int, _ workers: Workers, _ move: (Int, Int) -> Void
) {
  let (channels, cells) = (shape[1], shape[2] * shape[3])
  workers.run(shape[0]) { image in
    for channel in 0..<channels {
      let plain = (image &* channels &+ channel) &* cells
      let (outer, inner) = (channel / block, channel % block)
      let blocked = (image &* channels &+ outer &* block) &* cells &+ inner
      for cell in 0..<cells { move(plain &+ cell, blocked &+ cell &* block) }
    }
  }
}
