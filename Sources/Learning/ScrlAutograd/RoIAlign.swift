// RoIAlign. x (N,C,H,W), K boxes → y (K,C,P,P).

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  package func roiAlign(
    _ x: Activation, boxes: [RegionBox], _ options: RoIAlignOptions
  ) throws(ScrlError) -> Activation {
    let value = try x.value(engine)
    let shape = try value.activationShape("roi_align")
    let y = Activation(
      try engine.roiAlign(value, boxes: boxes, options), slot: newSlot(for: x))
    if let tape, let output = y.slot {
      tape.record(
        RoIAlignOp(boxes: boxes, options: options, shape: shape, input: x.slot, output: output))
    }
    return y
  }
}

private struct RoIAlignOp: TapeOp {
  let boxes: [RegionBox]  // the bilinear weights follow from them; x is not kept
  let options: RoIAlignOptions
  let shape: ActivationShape
  let input: GradientSlot?
  let output: GradientSlot

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let dy = try output.take(engine) else { return }
    try input?.receive(
      try engine.roiAlignBackward(dy, boxes: boxes, options, like: shape), engine)
  }
}
