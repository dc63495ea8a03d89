// Max pooling. x (N,C,H,W) → y (N,C,H',W').

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  package func maxPool(_ x: Activation, _ geometry: PoolGeometry) throws(ScrlError) -> Activation {
    let (value, winners) = try engine.maxPool(x.value, geometry)
    let y = Activation(value, slot: newSlot(for: x))
    if let tape, let output = y.slot {
      tape.record(
        MaxPoolOp(
          winners: winners, height: x.value.shape[2], width: x.value.shape[3], input: x.slot,
          output: output))
    }
    return y
  }
}

private struct MaxPoolOp: TapeOp {
  let winners: PoolWinners  // the cell each gradient goes back to; x is not kept
  let height: Int
  let width: Int
  let input: GradientSlot?
  let output: GradientSlot

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let dy = output.take() else { return }
    let dx = try engine.maxPoolBackward(
      dy, winners: winners, inputHeight: height, inputWidth: width)
    try input?.receive(dx, engine.workers)
  }
}
