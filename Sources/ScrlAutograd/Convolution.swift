// Convolution without bias. x (N,I,H,W) → y (N,O,H',W').

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  package func convolution(
    _ x: Activation, weight: Parameter, _ geometry: ConvolutionGeometry
  ) throws(ScrlError) -> Activation {
    let y = Activation(
      try engine.convolution(x.value, weight: weight.value, geometry), slot: newSlot())
    if let tape, let output = y.slot {
      tape.record(
        ConvolutionOp(x: x.saved, input: x.slot, output: output, weight: weight, g: geometry))
    }
    return y
  }
}

private struct ConvolutionOp: TapeOp {
  let x: SavedActivation  // dWeight correlates it with dy
  let input: GradientSlot?  // nil for the image: no dx is computed
  let output: GradientSlot
  let weight: Parameter
  let g: ConvolutionGeometry

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let dy = output.take() else { return }
    try engine.convolutionBackwardWeight(
      dy, x: try x.tensor(engine), into: try weight.gradientSum(), g)
    guard let input else { return }
    let dx = try engine.convolutionBackwardInput(
      dy, weight: weight.value, inputHeight: x.shape[2], inputWidth: x.shape[3], g)
    try input.receive(dx, engine.workers)
  }
}
