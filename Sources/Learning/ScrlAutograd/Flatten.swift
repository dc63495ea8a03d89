// From an activation to a matrix: (N,C,H,W) → (N, C·H·W) in the order of PyTorch's flatten.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  package func flatten(_ x: Activation) throws(ScrlError) -> Activation {
    let value = try x.value(engine)
    let shape = try value.activationShape("flatten")
    let row = shape.channels * shape.height * shape.width
    // One cell: blocks of channels are already in plain order.
    let ordered = shape.cells == 1 ? value : try value.plain(workers: engine.workers)
    let y = Activation(
      try ordered.reshaped([shape.images, row]), slot: newSlot(for: x))
    if let tape, let output = y.slot {
      tape.record(FlattenOp(shape: shape, input: x.slot, output: output))
    }
    return y
  }
}

private struct FlattenOp: TapeOp {
  let shape: ActivationShape  // to cut the gradient as x is cut
  let input: GradientSlot?
  let output: GradientSlot

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let dy = try output.take(engine) else { return }
    let extents = [shape.images, shape.channels, shape.height, shape.width]
    let dx =
      shape.cells == 1
      ? try dy.reshaped(extents, layout: .blocked(shape.block))
      : try dy.reshaped(extents).blocked(shape.block, workers: engine.workers)
    try input?.receive(dx, engine)
  }
}
