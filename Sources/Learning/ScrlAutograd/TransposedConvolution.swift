// Transposed convolution with a bias, and the ReLU that may follow. x (N,I,h,w) → y (N,O,H,W):
// the gradient of a convolution from O to I channels by its input, and so is computed; its own
// gradient is that convolution. H = (h − 1)·stride − 2·padding + kernel.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  /// - Parameters:
  ///   - weight: (I,O,k,k), PyTorch's order, which is that of the convolution.
  ///   - geometry: of the convolution, from O to I channels.
  package func transposedConvolution(
    _ x: Activation, weight: Parameter, bias: Parameter, of geometry: ConvolutionGeometry,
    relu: Bool = false
  ) throws(ScrlError) -> Activation {
    let y = try engine.activation(try transposedShape(x.shape, geometry))
    try withBias(bias, relu: relu, x, weight, into: y) { x, part throws(ScrlError) in
      try engine.convolutionBackwardInput(x, weight: weight.value, geometry, into: part)
    }
    let result = Activation(y, slot: newSlot())
    if let tape, let output = result.slot {
      tape.record(
        TransposedConvolutionOp(
          x: x.source, input: x.slot, isLast: x.slot?.claim() ?? false, output: output,
          outputShape: y.shape, weight: weight, end: BiasReLU(bias, y, relu: relu), g: geometry))
    }
    return result
  }
}

private struct TransposedConvolutionOp: TapeOp {
  let x: Source  // dWeight correlates it with dy
  let input: GradientSlot?
  let isLast: Bool  // to add to it
  let output: GradientSlot
  let outputShape: [Int]
  let weight: Parameter
  let end: BiasReLU
  let g: ConvolutionGeometry

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard var gradient = end.opened(output) else { return }
    let dWeight = try weight.gradientSum()
    var intake = try input?.open(x, isLast: isLast, engine)
    let shapes = [x.shape, outputShape]
    for images in ImageGroups(of: shapes + shapes, weights: weight.value.count, engine.workers) {
      let (value, d) = (try x.images(images, engine), try gradient.images(images, engine))
      try engine.convolutionBackwardWeight(value, x: d, into: dWeight, g)
      guard let part = try intake?.place(images) else { continue }
      try engine.convolution(d, weight: weight.value, g, into: part)
      try intake?.add(part, images, value: value, engine)
    }
    intake?.close()
    try gradient.addToBias()
  }
}

/// (N,O,H,W) of x (N,I,h,w).
private func transposedShape(
  _ x: [Int], _ g: ConvolutionGeometry
) throws(ScrlError) -> [Int] {
  guard x.count == 4, x[1] == g.outputs else {
    throw ScrlError(
      .shape, "transposed_convolution: got \(x) · expected (N,\(g.outputs),h,w)")
  }
  let extents = x[2...].map { ($0 - 1) * g.stride - 2 * g.padding + g.kernel }
  guard extents.allSatisfy({ $0 > 0 }) else {
    throw ScrlError(
      .shape, "transposed_convolution: got \(x) · expected cells that outweigh padding \(g.padding)"
    )
  }
  return [x[0], g.inputs] + extents
}
