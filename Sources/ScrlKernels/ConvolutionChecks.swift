// What the convolution accepts: NHWC activations, weights in the order it multiplies.

import ScrlBase
import ScrlTensor

func convolutionExtents(
  _ operation: String, _ x: Tensor, _ g: ConvolutionGeometry
) throws(ScrlError) -> ConvolutionExtents {
  let shape = try nhwcShape(operation, x, channels: g.inputs)
  return ConvolutionExtents(
    geometry: g, images: shape.images, height: shape.height, width: shape.width,
    outputHeight: try g.outputExtent(shape.height), outputWidth: try g.outputExtent(shape.width))
}

/// The extents of a convolution known by its output's gradient.
func backwardExtents(
  _ operation: String, _ dy: Tensor, _ inputHeight: Int, _ inputWidth: Int,
  _ g: ConvolutionGeometry
) throws(ScrlError) -> ConvolutionExtents {
  let shape = try nhwcShape(operation, dy, channels: g.outputs)
  let expected = [try g.outputExtent(inputHeight), try g.outputExtent(inputWidth)]
  guard inputHeight > 0, inputWidth > 0, [shape.height, shape.width] == expected else {
    throw ScrlError(
      .shape,
      "\(operation): got dy \(dy.shape) for input \(inputHeight)×\(inputWidth) · expected "
        + "\(expected[0])×\(expected[1]) cells")
  }
  return ConvolutionExtents(
    geometry: g, images: shape.images, height: inputHeight, width: inputWidth,
    outputHeight: shape.height, outputWidth: shape.width)
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
