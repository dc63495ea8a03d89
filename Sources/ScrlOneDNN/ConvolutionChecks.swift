// What the convolution accepts: activations in this engine's blocks, weights in its order.

import CDNN
import ScrlBase
import ScrlKernels
import ScrlTensor

/// All extents of one convolution.
struct ConvolutionExtents {
  let geometry: ConvolutionGeometry
  let images: Int
  let height, width: Int  // of x
  let outputHeight, outputWidth: Int  // of y

  var inputShape: [Int] { [images, geometry.inputs, height, width] }
  var outputShape: [Int] { [images, geometry.outputs, outputHeight, outputWidth] }
}

extension OneDNNEngine {
  func forwardExtents(
    _ operation: String, _ x: Tensor, _ g: ConvolutionGeometry
  ) throws(ScrlError) -> ConvolutionExtents {
    try expectActivation(operation, x, channels: g.inputs)
    return ConvolutionExtents(
      geometry: g, images: x.shape[0], height: x.shape[2], width: x.shape[3],
      outputHeight: try g.outputExtent(x.shape[2]), outputWidth: try g.outputExtent(x.shape[3]))
  }

  /// The extents of a convolution known by its output's gradient.
  func backwardExtents(
    _ operation: String, _ dy: Tensor, _ inputHeight: Int, _ inputWidth: Int,
    _ g: ConvolutionGeometry
  ) throws(ScrlError) -> ConvolutionExtents {
    try expectActivation(operation, dy, channels: g.outputs)
    let expected = [try g.outputExtent(inputHeight), try g.outputExtent(inputWidth)]
    guard inputHeight > 0, inputWidth > 0, Array(dy.shape[2...]) == expected else {
      throw ScrlError(
        .shape,
        "\(operation): got dy \(dy.shape) for input \(inputHeight)×\(inputWidth) · expected "
          + "\(expected[0])×\(expected[1]) cells")
    }
    return ConvolutionExtents(
      geometry: g, images: dy.shape[0], height: inputHeight, width: inputWidth,
      outputHeight: dy.shape[2], outputWidth: dy.shape[3])
  }

  func expectWeight(
    _ operation: String, _ weight: Tensor, _ g: ConvolutionGeometry, _ layout: Layout
  ) throws(ScrlError) {
    guard weight.shape == g.weightShape, weight.layout == layout else {
      throw ScrlError(
        .shape,
        "\(operation): got weight \(weight.shape) \(weight.layout) · expected \(g.weightShape) "
          + "\(layout)")
    }
  }

  private func expectActivation(
    _ operation: String, _ tensor: Tensor, channels: Int
  ) throws(ScrlError) {
    let layout = Layout.blocked(channelBlock(for: channels))
    guard tensor.shape.count == 4, tensor.shape[1] == channels, tensor.layout == layout else {
      throw ScrlError(
        .shape,
        "\(operation): got \(tensor.shape) \(tensor.layout) · expected (N,\(channels),H,W) \(layout)"
      )
    }
  }
}
