// Global average pooling: (N,C,H,W) → (N,C), the mean over the cells.

import ScrlBase
import ScrlTensor

extension Engine {
  package func globalAveragePool(_ x: Tensor) throws(ScrlError) -> Tensor {
    let shape = try x.rowsShape("global_average_pool")
    guard x.shape.count == 4, shape.cells > 0 else {
      throw ScrlError(.shape, "global_average_pool: got \(x.shape) · expected (N,C,H,W), H·W > 0")
    }
    let result = try Tensor(uninitialized: [shape.images, shape.channels])
    let (x, y) = (x.pointer, result.pointer)
    let block = shape.block
    let factor = 1 / Float(shape.cells)
    workers.run(shape.images * shape.blocks) { panel in
      let (x, y) = (x + panel * shape.cells * block, y + panel * block)
      if block == laneCount {
        var sum = Lanes()
        for cell in 0..<shape.cells { sum += lanes(x, cell &* block) }
        store(sum * factor, y, 0)
        return
      }
      y.update(repeating: 0, count: block)
      for cell in 0..<shape.cells {
        let row = x + cell &* block
        for c in 0..<block { y[c] += row[c] }
      }
      for c in 0..<block { y[c] *= factor }
    }
    return result
  }

  package func globalAveragePoolBackward(
    _ dy: Tensor, like shape: ActivationShape
  ) throws(ScrlError) -> Tensor {
    guard dy.shape == [shape.images, shape.channels], shape.cells > 0, shape.block > 0 else {
      throw ScrlError(
        .shape,
        "global_average_pool_backward: got \(dy.shape) · expected "
          + "\([shape.images, shape.channels])")
    }
    let result = try Tensor(
      uninitialized: [shape.images, shape.channels, shape.height, shape.width],
      layout: .blocked(shape.block))
    let (dy, dx) = (dy.pointer, result.pointer)
    let block = shape.block
    let factor = 1 / Float(shape.cells)
    workers.run(shape.images * shape.blocks) { panel in
      let (dy, dx) = (dy + panel * block, dx + panel * shape.cells * block)
      for cell in 0..<shape.cells {
        let row = dx + cell &* block
        for c in 0..<block { row[c] = dy[c] * factor }
      }
    }
    return result
  }
}
