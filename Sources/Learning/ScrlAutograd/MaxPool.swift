// Max pooling. x (N,C,H,W) → y (N,C,H',W'). Some images at a time, as convolutions.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  package func maxPool(_ x: Activation, _ geometry: PoolGeometry) throws(ScrlError) -> Activation {
    let value = try Tensor(
      uninitialized: try pooledShape(x.shape, geometry), layout: x.source.layout)
    let winners = try PoolWinners(uninitialized: value, geometry)
    for images in ImageGroups(of: [x.shape, value.shape, value.shape], engine.workers) {
      try engine.maxPool(
        try x.source.images(images, engine), into: value.images(images), winners.images(images))
    }
    let y = Activation(.stored(value), slot: newSlot(for: x))
    if let tape, let input = x.slot, let output = y.slot {
      tape.record(
        MaxPoolOp(
          winners: winners, x: x.source, input: input, isLast: input.claim(), output: output))
    }
    return y
  }
}

private struct MaxPoolOp: TapeOp {
  let winners: PoolWinners  // the cell each gradient goes back to
  let x: Source
  let input: GradientSlot
  let isLast: Bool  // to add to it
  let output: GradientSlot

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let dy = try output.take(engine) else { return }
    var intake = try input.open(x, isLast: isLast, engine)
    for images in ImageGroups(of: [x.shape, x.shape, dy.shape, dy.shape], engine.workers) {
      let part = try intake.place(images)
      try engine.maxPoolBackward(dy.images(images), winners: winners.images(images), into: part)
      try intake.add(part, images, engine)
    }
    intake.close()
  }
}
