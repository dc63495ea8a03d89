// Convolution without bias. x (N,I,H,W) → y (N,O,H',W').
// Some images at a time go through everything that touches them: the input is normalised, the
// convolution computed, its moments summed; backward the other way round. All of it meets in the
// cache, and only x and y of the convolutions themselves pass through memory.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  /// In training mode with the moments of y: a BatchNorm follows.
  package func convolution(
    _ x: Activation, weight: Parameter, _ geometry: ConvolutionGeometry
  ) throws(ScrlError) -> Activation {
    let y = try engine.activation(try engine.outputShape(x.shape, geometry))
    var moments: BatchMoments?
    let groups = ImageGroups(
      of: [x.shape, y.shape], weights: weight.value.count, engine.workers)
    for images in groups {
      let part = y.images(images)
      try engine.convolution(
        try x.source.images(images, engine), weight: weight.value, geometry, into: part)
      guard mode == .training else { continue }
      let more = try engine.batchNormMoments(part)
      if moments == nil { moments = more } else { moments? += more }
    }
    let result = Activation(.stored(y), slot: newSlot(), moments: moments)
    if let tape, let output = result.slot {
      tape.record(
        ConvolutionOp(
          x: x.source, input: x.slot, isLast: x.slot?.claim() ?? false, output: output,
          weight: weight, g: geometry))
    }
    return result
  }
}

private struct ConvolutionOp: TapeOp {
  let x: Source  // dWeight correlates it with dy
  let input: GradientSlot?  // nil for the image: no dx is computed
  let isLast: Bool  // to add to it
  let output: GradientSlot
  let weight: Parameter
  let g: ConvolutionGeometry

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let gradient = output.takeUnmade() else { return }
    let dWeight = try weight.gradientSum()
    var intake = try input?.open(x, isLast: isLast, engine)
    let shapes = [x.shape, try engine.outputShape(x.shape, g)]
    let groups = ImageGroups(
      of: shapes + shapes, weights: weight.value.count, engine.workers)
    for images in groups {
      let (value, dy) = (try x.images(images, engine), try gradient.images(images, engine))
      try engine.convolutionBackwardWeight(dy, x: value, into: dWeight, g)
      guard let part = try intake?.place(images) else { continue }
      try engine.convolutionBackwardInput(dy, weight: weight.value, g, into: part)
      try intake?.add(part, images, value: value, engine)
    }
    intake?.close()
  }
}
