// Convolution with a bias, and the ReLU that may follow. x (N,I,H,W) → y (N,O,H',W').
// Some images at a time, as the convolution without; the bias and the ReLU are one pass over them.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  package func convolution(
    _ x: Activation, weight: Parameter, bias: Parameter, _ geometry: ConvolutionGeometry,
    relu: Bool = false
  ) throws(ScrlError) -> Activation {
    let y = try engine.activation(try engine.outputShape(x.shape, geometry))
    try withBias(bias, relu: relu, x, weight, into: y) { x, part throws(ScrlError) in
      try engine.convolution(x, weight: weight.value, geometry, into: part)
    }
    let result = Activation(y, slot: newSlot())
    if let tape, let output = result.slot {
      tape.record(
        BiasedConvolutionOp(
          x: x.source, input: x.slot, isLast: x.slot?.claim() ?? false, output: output,
          weight: weight, end: BiasReLU(bias, y, relu: relu), g: geometry))
    }
    return result
  }
}

private struct BiasedConvolutionOp: TapeOp {
  let x: Source  // dWeight correlates it with dy
  let input: GradientSlot?  // nil where nobody wants it: no dx is computed
  let isLast: Bool  // to add to it
  let output: GradientSlot
  let weight: Parameter
  let end: BiasReLU
  let g: ConvolutionGeometry

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard var gradient = end.opened(output) else { return }
    let dWeight = try weight.gradientSum()
    var intake = try input?.open(x, isLast: isLast, engine)
    let shapes = [x.shape, try engine.outputShape(x.shape, g)]
    for images in ImageGroups(of: shapes + shapes, weights: weight.value.count, engine.workers) {
      let (value, d) = (try x.images(images, engine), try gradient.images(images, engine))
      try engine.convolutionBackwardWeight(d, x: value, into: dWeight, g)
      guard let part = try intake?.place(images) else { continue }
      try engine.convolutionBackwardInput(d, weight: weight.value, g, into: part)
      try intake?.add(part, images, value: value, engine)
    }
    intake?.close()
    try gradient.addToBias()
  }
}
