// One step down a feature pyramid (Lin et al. 2017, figure 3): y (N,C,2h,2w) = fine + coarse
// (N,C,h,w), each of whose cells becomes four. And the step up beyond its top: every second cell.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  package func upsampleAdd(
    _ coarse: Activation, to fine: Activation
  ) throws(ScrlError) -> Activation {
    guard coarse.shape.first == fine.shape.first else {
      throw ScrlError(
        .shape,
        "upsample_add: got coarse \(coarse.shape), fine \(fine.shape) · expected as many "
          + "images")
    }
    let y = try Tensor(uninitialized: fine.shape, layout: fine.source.layout)
    for images in ImageGroups(of: [coarse.shape, fine.shape, y.shape], engine.workers) {
      try engine.upsampleAdd(
        try coarse.source.images(images, engine), try fine.source.images(images, engine),
        into: y.images(images))
    }
    let result = Activation(y, slot: newSlot(for: coarse, fine))
    if let tape, let output = result.slot {
      tape.record(
        UpsampleAddOp(
          coarse: coarse.slot, fine: fine.slot, output: output, coarseShape: coarse.shape,
          layout: coarse.source.layout))
    }
    return result
  }

  /// Every second cell, from the first: PyTorch's max_pool2d with kernel 1 and stride 2.
  /// (N,C,H,W) → (N,C,⌈H/2⌉,⌈W/2⌉).
  package func subsample(_ x: Activation) throws(ScrlError) -> Activation {
    try maxPool(x, try PoolGeometry(kernel: 1, stride: 2, padding: 0))
  }
}

private struct UpsampleAddOp: TapeOp {
  let coarse: GradientSlot?
  let fine: GradientSlot?
  let output: GradientSlot
  let coarseShape: [Int]
  let layout: Layout

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let dy = try output.take(engine) else { return }
    if let coarse {
      let sum = try Tensor(uninitialized: coarseShape, layout: layout)
      try engine.upsampleAddBackward(dy, into: sum)
      try coarse.receive(sum, engine)
    }
    try fine?.receive(dy, engine)
  }
}
