// Convolutions from whole blocks of channels to a few outputs, as a detector's scores are: the
// outputs are filled up to a block with zeros, so that oneDNN's kernels fit and only the small
// side is copied; the reference would have the large one copied into NHWC.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension OneDNNEngine {
  /// The geometry with whole blocks of outputs; nil where it has them, or the inputs have not.
  func widened(_ g: ConvolutionGeometry) throws(ScrlError) -> ConvolutionGeometry? {
    guard g.inputs % block == 0, g.outputs % block != 0 else { return nil }
    return try ConvolutionGeometry(
      inputs: g.inputs, outputs: (g.outputs + block - 1) / block * block, kernel: g.kernel,
      stride: g.stride, padding: g.padding)
  }

  func narrowConvolution(
    _ x: Tensor, weight: Tensor, _ g: ConvolutionGeometry, _ wide: ConvolutionGeometry,
    into y: Tensor
  ) throws(ScrlError) {
    let filled = try activation([y.shape[0], wide.outputs, y.shape[2], y.shape[3]])
    try convolution(x, weight: try filledWeight(weight, g, wide), wide, into: filled)
    try forEachOutput(y, filled) { narrow, wide in narrow.pointee = wide.pointee }
  }

  func narrowBackwardInput(
    _ dy: Tensor, weight: Tensor, _ g: ConvolutionGeometry, _ wide: ConvolutionGeometry,
    into dx: Tensor
  ) throws(ScrlError) {
    try convolutionBackwardInput(
      try filledGradient(dy, wide), weight: try filledWeight(weight, g, wide), wide, into: dx)
  }

  func narrowBackwardWeight(
    _ dy: Tensor, x: Tensor, into dWeight: Tensor, _ g: ConvolutionGeometry,
    _ wide: ConvolutionGeometry
  ) throws(ScrlError) {
    let sum = try Tensor(zeros: wide.weightShape, layout: weightLayout(wide))
    try convolutionBackwardWeight(try filledGradient(dy, wide), x: x, into: sum, wide)
    // The first outputs come first in plain order.
    let plain = try unpackWeight(sum, wide)
    let own = try Tensor(uninitialized: g.weightShape)
    own.pointer.update(from: plain.pointer, count: own.count)
    try accumulate(dWeight, try packWeight(own, g), workers)
  }

  private func filledWeight(
    _ weight: Tensor, _ g: ConvolutionGeometry, _ wide: ConvolutionGeometry
  ) throws(ScrlError) -> Tensor {
    let plain = try unpackWeight(weight, g)
    let filled = try Tensor(zeros: wide.weightShape)
    filled.pointer.update(from: plain.pointer, count: plain.count)
    return try packWeight(filled, wide)
  }

  private func filledGradient(
    _ dy: Tensor, _ wide: ConvolutionGeometry
  ) throws(ScrlError) -> Tensor {
    let shape = [dy.shape[0], wide.outputs, dy.shape[2], dy.shape[3]]
    let filled = try Tensor(zeros: shape, layout: .blocked(channelBlock(for: wide.outputs)))
    try forEachOutput(dy, filled) { narrow, wide in wide.pointee = narrow.pointee }
    return filled
  }

  /// Calls body(the element, the same of the filled map) for every element of the narrow one.
  private func forEachOutput(
    _ narrow: Tensor, _ filled: Tensor,
    _ body: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) throws(ScrlError) {
    let (few, many) = (
      try narrow.activationShape("narrow_convolution"),
      try filled.activationShape("narrow_convolution")
    )
    let (one, other) = (narrow.pointer, filled.pointer)
    workers.run(few.images * few.channels) { plane in
      let (image, channel) = plane.quotientAndRemainder(dividingBy: few.channels)
      let from = one + few.offset(image: image, block: channel / few.block, cell: 0)
      let to = other + many.offset(image: image, block: channel / many.block, cell: 0)
      let (a, b) = (channel % few.block, channel % many.block)
      for cell in 0..<few.cells { body(from + cell &* few.block + a, to + cell &* many.block + b) }
    }
  }
}
