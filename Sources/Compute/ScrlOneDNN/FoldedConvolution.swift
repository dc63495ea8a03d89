// Convolution for inference, by oneDNN: bias, residual and ReLU are applied to an output while it
// is in registers. The residual is added where it lies: its memory becomes the output's.

import CDNN
import ScrlBase
import ScrlKernels
import ScrlTensor

extension OneDNNEngine {
  package func foldedConvolution(
    _ x: Tensor, weight: Tensor, bias: Tensor, _ g: ConvolutionGeometry, relu: Bool,
    adding residual: Tensor?
  ) throws(ScrlError) -> Tensor {
    let e = try extents("folded_convolution", x, g)
    try expectWeight("folded_convolution", weight, g, weightLayout(g))
    let layout = Layout.blocked(channelBlock(for: g.outputs))
    try expectFolded(e, bias: bias, residual, layout: layout)
    let (adds, algorithm) = (residual != nil, inferenceAlgorithm(e))
    let best = primitive(CDNN_INFERENCE, e, algorithm, adds: adds, relu: relu)
    if best == nil, algorithm == CDNN_WINOGRAD, fitsOwnWinograd(g) {
      let y = try place(residual, e, layout)
      try WinogradConvolution.forward(
        x, weight: weight, stride: g.stride, block: block, into: y, bias: bias, adds: adds,
        relu: relu, workers)
      return y
    }
    guard
      let primitive = best ?? primitive(CDNN_INFERENCE, e, adds: adds, relu: relu)
    else {
      let other = if let residual { try nhwc(residual) } else { Tensor?.none }
      let plain = try reference.foldedConvolution(
        try nhwc(x), weight: try referenceWeight(weight, g), bias: bias, g, relu: relu,
        adding: other)
      let y = try Tensor(uninitialized: e.outputShape, layout: layout)
      try copy(plain, into: y)
      return y
    }
    let y = try place(residual, e, layout)
    try primitive.infer(x: x, weight: weight, bias: bias, y: y)
    return y
  }

  private func place(
    _ residual: Tensor?, _ e: ConvolutionExtents, _ layout: Layout
  ) throws(ScrlError) -> Tensor {
    if let residual { return residual }
    return try Tensor(uninitialized: e.outputShape, layout: layout)
  }
}
