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

  /// Of a convolution known by its output's gradient.
  package init(
    _ operation: String, gradient dy: ActivationShape, _ inputHeight: Int, _ inputWidth: Int,
    _ g: ConvolutionGeometry
  ) throws(ScrlError) {
    let expected = [try g.outputExtent(inputHeight), try g.outputExtent(inputWidth)]
    guard inputHeight > 0, inputWidth > 0, [dy.height, dy.width] == expected else {
      throw ScrlError(
        .shape,
        "\(operation): got dy \([dy.images, dy.channels, dy.height, dy.width]) for input "
          + "\(inputHeight)×\(inputWidth) · expected \(expected[0])×\(expected[1]) cells")
    }
    geometry = g
    (images, height, width) = (dy.images, inputHeight, inputWidth)
    (outputHeight, outputWidth) = (dy.height, dy.width)
  }
}

func convolutionExtents(
  _ operation: String, _ x: Tensor, _ g: ConvolutionGeometry
) throws(ScrlError) -> ConvolutionExtents {
  try ConvolutionExtents(try nhwcShape(operation, x, channels: g.inputs), g)
}

func backwardExtents(
  _ operation: String, _ dy: Tensor, _ inputHeight: Int, _ inputWidth: Int,
  _ g: ConvolutionGeometry
) throws(ScrlError) -> ConvolutionExtents {
  try ConvolutionExtents(
    operation, gradient: try nhwcShape(operation, dy, channels: g.outputs), inputHeight,
    inputWidth, g)
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
