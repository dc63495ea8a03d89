// Convolution with a bias, into which a BatchNorm with running statistics was folded; the residual
// and the ReLU that follow come with it. Here: what it accepts, and the reference, which convolves
// and then makes one elementwise pass. Not here: the folding (ScrlNN), gradients; there are none.

import ScrlBase
import ScrlTensor

extension OpenBLASEngine {
  package func foldedConvolution(
    _ x: Tensor, weight: Tensor, bias: Tensor, _ g: ConvolutionGeometry, relu: Bool,
    adding residual: Tensor?
  ) throws(ScrlError) -> Tensor {
    let e = try convolutionExtents("folded_convolution", x, g)
    try expectFolded(e, bias: bias, residual, layout: .blocked(g.outputs))
    let y = try Tensor(uninitialized: e.outputShape, layout: .blocked(g.outputs))
    try convolution(x, weight: weight, g, into: y)
    let (to, shift, other) = (y.pointer, bias.pointer, residual?.pointer)
    sweepRows(try y.rowsShape("folded_convolution")) { offset, channel, rows in
      for row in 0..<rows {
        let start = offset &+ row &* g.outputs
        finishCell(
          to + start, shift + channel, other.map { UnsafePointer($0 + start) }, g.outputs,
          relu: relu)
      }
    }
    withExtendedLifetime((bias, residual)) {}
    return y
  }
}

/// The bias has a value per output, the residual is like the output.
package func expectFolded(
  _ e: ConvolutionExtents, bias: Tensor, _ residual: Tensor?, layout: Layout
) throws(ScrlError) {
  let operation = "folded_convolution"
  try expectCount(operation, "bias", bias, e.geometry.outputs)
  if let residual { try expectActivation(operation, residual, e.outputShape, layout) }
}

/// One cell's channels: y = max(y + bias + residual, 0), or without the maximum.
@inline(__always)
func finishCell(
  _ y: UnsafeMutablePointer<Float>, _ bias: UnsafePointer<Float>,
  _ residual: UnsafePointer<Float>?, _ count: Int, relu: Bool
) {
  var c = 0
  while c &+ laneCount <= count {
    var sum = lanes(y, c) + lanes(bias, c)
    if let residual { sum += lanes(residual, c) }
    if relu { sum.replace(with: 0, where: sum .< 0) }
    store(sum, y, c)
    c &+= laneCount
  }
  while c < count {
    var sum = y[c] + bias[c]
    if let residual { sum += residual[c] }
    y[c] = relu && sum < 0 ? 0 : sum
    c &+= 1
  }
}
