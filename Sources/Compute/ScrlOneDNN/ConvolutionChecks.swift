// What the convolution accepts: activations in this engine's blocks.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension OneDNNEngine {
  func extents(
    _ operation: String, _ x: Tensor, _ g: ConvolutionGeometry
  ) throws(ScrlError) -> ConvolutionExtents {
    try ConvolutionExtents(try blockedShape(operation, x, channels: g.inputs), g)
  }

  private func blockedShape(
    _ operation: String, _ tensor: Tensor, channels: Int
  ) throws(ScrlError) -> ActivationShape {
    let layout = Layout.blocked(channelBlock(for: channels))
    guard tensor.shape.count == 4, tensor.shape[1] == channels, tensor.layout == layout else {
      throw ScrlError(
        .shape,
        "\(operation): got \(tensor.shape) \(tensor.layout) · expected (N,\(channels),H,W) \(layout)"
      )
    }
    return try tensor.activationShape(operation)
  }
}
