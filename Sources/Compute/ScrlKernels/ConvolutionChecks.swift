// What the convolution accepts: NHWC activations, weights in the order it multiplies.

import ScrlBase
import ScrlTensor

extension ConvolutionExtents {
  /// Of a convolution of x.
  package init(_ x: ActivationShape, _ g: ConvolutionGeometry) throws(ScrlError) {
    geometry = g
    (images, height, width) = (x.images, x.height, x.width)
    outputHeight = try g.outputExtent(x.height)
    outputWidth = try g.outputExtent(x.width)
  }

  package var inputShape: [Int] { [images, geometry.inputs, height, width] }
  package var outputShape: [Int] { [images, geometry.outputs, outputHeight, outputWidth] }
}

func convolutionExtents(
  _ operation: String, _ x: Tensor, _ g: ConvolutionGeometry
) throws(ScrlError) -> ConvolutionExtents {
  try ConvolutionExtents(try nhwcShape(operation, x, channels: g.inputs), g)
}

package func expectActivation(
  _ operation: String, _ tensor: Tensor, _ shape: [Int], _ layout: Layout
) throws(ScrlError) {
  guard tensor.shape == shape, tensor.layout == layout else {
    throw ScrlError(
      .shape,
      "\(operation): got \(tensor.shape) \(tensor.layout) · expected \(shape) \(layout)")
  }
}

package func expectWeight(
  _ operation: String, _ weight: Tensor, _ g: ConvolutionGeometry, _ layout: Layout
) throws(ScrlError) {
  guard weight.shape == g.weightShape, weight.layout == layout else {
    throw ScrlError(
      .shape,
      "\(operation): got weight \(weight.shape) \(weight.layout) · expected \(g.weightShape) "
        + "\(layout)")
  }
}

/// Calls body(index in (O,I,h,w), index in (O,h,w,I)) for every weight.
func forEachWeight(_ g: ConvolutionGeometry, _ body: (Int, Int) -> Void) {
  let taps = g.kernel * g.kernel
  for output in 0..<g.outputs {
    let base = output * g.inputs * taps
    for input in 0..<g.inputs {
      for tap in 0..<taps { body(base + input * taps + tap, base + tap * g.inputs + input) }
    }
  }
}

private func nhwcShape(
  _ operation: String, _ tensor: Tensor, channels: Int
) throws(ScrlError) -> ActivationShape {
  let shape = try tensor.rowsShape(operation)
  guard tensor.shape.count == 4, shape.channels == channels, shape.block == channels else {
    throw ScrlError(
      .shape,
      "\(operation): got \(tensor.shape) \(tensor.layout) · expected (N,\(channels),H,W) in one "
        + "block of \(channels)")
  }
  return shape
}
