// The bias, and perhaps the ReLU, at the end of an operation: y = conv(x) + b, or max(…, 0) of it.
// Here: both after a product, some images at a time; the gradient before them, and the bias's. The
// operations are BiasedConvolution and TransposedConvolution.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  /// Fills y: `product` with some images of x and their place in y, then bias and ReLU on these.
  func withBias(
    _ bias: Parameter, relu: Bool, _ x: Activation, _ weight: Parameter, into y: Tensor,
    _ product: (_ x: Tensor, _ y: Tensor) throws(ScrlError) -> Void
  ) throws(ScrlError) {
    for images in ImageGroups(
      of: [x.shape, y.shape], weights: weight.value.count, engine.workers)
    {
      let part = y.images(images)
      try product(try x.source.images(images, engine), part)
      try engine.addBias(bias.value, to: part, relu: relu)
    }
  }
}

/// What the backward pass needs of the bias and the ReLU.
struct BiasReLU {
  let bias: Parameter  // (O)
  let y: Tensor?  // the ReLU's mask y > 0; nil: no ReLU

  init(_ bias: Parameter, _ y: Tensor, relu: Bool) {
    self.bias = bias
    self.y = relu ? y : nil
  }

  func opened(_ output: GradientSlot) -> BiasGradient? {
    guard let (gradient, isOurs) = output.takeOwned() else { return nil }
    return BiasGradient(of: self, gradient: gradient, isOurs: isOurs)
  }
}

/// The gradient of the operation before the bias, some images at a time.
struct BiasGradient {
  private let of: BiasReLU
  private let gradient: Gradient
  private let isOurs: Bool
  private var sums: [Double]  // (O)

  fileprivate init(of: BiasReLU, gradient: Gradient, isOurs: Bool) {
    (self.of, self.gradient, self.isOurs) = (of, gradient, isOurs)
    sums = [Double](repeating: 0, count: of.bias.value.count)
  }

  /// Each image is to be asked for once: the bias's sums grow.
  mutating func images(
    _ range: Range<Int>, _ engine: any Engine
  ) throws(ScrlError) -> Tensor {
    let dy = try gradient.images(range, engine)
    let mask = of.y?.images(range)
    let d =
      mask == nil || isOurs ? dy : try Tensor(uninitialized: dy.shape, layout: dy.layout)
    for (channel, sum) in try engine.biasBackward(dy, masking: mask, into: d).enumerated() {
      sums[channel] += sum
    }
    return d
  }

  func addToBias() throws(ScrlError) {
    let sum = try of.bias.gradientSum()
    for channel in sums.indices { sum.pointer[channel] += Float(sums[channel]) }
  }
}
