// The three passes of a convolution layer: the only code here that calls an engine's.

import ScrlBase
import ScrlKernels
import ScrlTensor

enum ConvolutionPass: String, CaseIterable {
  case forward = "convolution"
  case backwardData = "convolution_backward_data"
  case backwardWeights = "convolution_backward_weights"

  /// Roundings of the sums that a result's element is made of.
  func depth(_ layer: ConvolutionLayer, images: Int) throws(ScrlError) -> Int {
    let g = layer.geometry
    switch self {
    case .forward: return g.inputs * g.kernel * g.kernel
    case .backwardData: return g.outputs * g.kernel * g.kernel
    case .backwardWeights:
      let output = try g.outputExtent(layer.side)
      return images * output * output
    }
  }
}

/// A layer's tensors in an engine's own orders.
struct ConvolutionOperands {
  let x: Tensor  // (N,I,H,W)
  let dy: Tensor  // (N,O,H',W')
  let weight: Tensor  // (O,I,h,w)
  let dWeight: Tensor
}

extension Engine {
  /// The pass's result in this engine's order.
  func run(
    _ pass: ConvolutionPass, _ layer: ConvolutionLayer, _ tensors: ConvolutionOperands
  ) throws(ScrlError) -> Tensor {
    switch pass {
    case .forward:
      let y = try activation(tensors.dy.shape)
      try convolution(tensors.x, weight: tensors.weight, layer.geometry, into: y)
      return y
    case .backwardData:
      let dx = try activation(tensors.x.shape)
      try convolutionBackwardInput(
        tensors.dy, weight: tensors.weight, layer.geometry, into: dx)
      return dx
    case .backwardWeights:
      try convolutionBackwardWeight(
        tensors.dy, x: tensors.x, into: tensors.dWeight, layer.geometry)
      return tensors.dWeight
    }
  }

  /// A pass's result in plain order.
  func plain(
    _ result: Tensor, of pass: ConvolutionPass, _ layer: ConvolutionLayer
  ) throws(ScrlError) -> Tensor {
    pass == .backwardWeights
      ? try unpackWeight(result, layer.geometry) : try result.plain(workers: workers)
  }

  func operands(
    _ layer: ConvolutionLayer, x: Tensor, dy: Tensor, weight: Tensor
  ) throws(ScrlError) -> ConvolutionOperands {
    let g = layer.geometry
    return ConvolutionOperands(
      x: try x.blocked(channelBlock(for: g.inputs), workers: workers),
      dy: try dy.blocked(channelBlock(for: g.outputs), workers: workers),
      weight: try packWeight(weight, g),
      dWeight: try packWeight(try Tensor(zeros: g.weightShape), g))
  }
}
