// A convolution with the BatchNorm that follows it folded in, for inference. With running mean m
// and variance v the norm is y·f + (shift − m·f), f = scale/√(v + ε): the weights of an output
// times f, and a bias. In float64, rounded once. A copy: later changes of the layers do not show.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlTensor

struct FoldedConvolution {
  private let geometry: ConvolutionGeometry
  private let weight: Tensor  // (O,I,h,w) in the engine's order
  private let bias: Tensor  // (O)
  private let engine: any Engine

  /// - Throws: `.diverged` for weights or statistics that give no finite numbers.
  init(_ convolution: Convolution, _ norm: BatchNorm, _ engine: any Engine) throws(ScrlError) {
    geometry = convolution.geometry
    self.engine = engine
    let outputs = geometry.outputs
    bias = try Tensor(uninitialized: [outputs])
    let plain = try convolution.weight.plain()
    let folded = try Tensor(uninitialized: geometry.weightShape)
    let (from, to, bias) = (plain.pointer, folded.pointer, bias.pointer)
    let (scale, shift) = (norm.scale.value.pointer, norm.shift.value.pointer)
    let (mean, variance) = (norm.runningMean.value.pointer, norm.runningVariance.value.pointer)
    let length = plain.count / outputs
    engine.workers.run(outputs) { o in
      let f =
        Double(scale[o]) / (Double(variance[o]) + Double(BatchNorm.epsilon)).squareRoot()
      bias[o] = Float(Double(shift[o]) - Double(mean[o]) * f)
      for i in o &* length..<(o &+ 1) &* length { to[i] = Float(Double(from[i]) * f) }
    }
    withExtendedLifetime((plain, norm)) {}
    guard folded.buffer.allSatisfy(\.isFinite), self.bias.buffer.allSatisfy(\.isFinite) else {
      throw ScrlError(
        .diverged,
        "model: got weights or statistics of \(convolution.weight.name) and its norm that are "
          + "not finite · expected numbers, and variances that are not negative")
    }
    weight = try engine.packWeight(folded, geometry)
  }

  /// x (N,I,H,W) → (N,O,H',W'). The residual's memory may become the result's.
  func forward(
    _ x: Tensor, relu: Bool, adding residual: Tensor? = nil
  ) throws(ScrlError) -> Tensor {
    try engine.foldedConvolution(
      x, weight: weight, bias: bias, geometry, relu: relu, adding: residual)
  }
}
