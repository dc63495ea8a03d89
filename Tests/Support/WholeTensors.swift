// The seam's operations on whole tensors, results new: as tests like to call them.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Engine {
  package func convolution(
    _ x: Tensor, weight: Tensor, _ g: ConvolutionGeometry
  ) throws(ScrlError) -> Tensor {
    let y = try activation(try outputShape(x.shape, g))
    try convolution(x, weight: weight, g, into: y)
    return y
  }

  package func convolutionBackwardInput(
    _ dy: Tensor, weight: Tensor, inputHeight: Int, inputWidth: Int, _ g: ConvolutionGeometry
  ) throws(ScrlError) -> Tensor {
    let dx = try activation([dy.shape[0], g.inputs, inputHeight, inputWidth])
    try convolutionBackwardInput(dy, weight: weight, g, into: dx)
    return dx
  }

  package func batchNorm(
    _ x: Tensor, scale: Tensor, shift: Tensor, epsilon: Float, relu: Bool
  ) throws(ScrlError) -> (y: Tensor, statistics: BatchStatistics) {
    let statistics = try BatchStatistics(moments: try batchNormMoments(x), epsilon: epsilon)
    let y = try batchNormApply(x, statistics: statistics, scale: scale, shift: shift, relu: relu)
    return (y, statistics)
  }

  package func batchNormApply(
    _ x: Tensor, statistics: BatchStatistics, scale: Tensor, shift: Tensor, relu: Bool
  ) throws(ScrlError) -> Tensor {
    let y = try Tensor(uninitialized: x.shape, layout: x.layout)
    try batchNormApply(
      x, Norm(statistics: statistics, scale: scale, shift: shift, relu: relu), into: y)
    return y
  }

  package func batchNormBackward(
    _ dy: Tensor, x: Tensor, statistics: BatchStatistics, scale: Tensor, shift: Tensor,
    relu: Bool, into dScale: Tensor, _ dShift: Tensor
  ) throws(ScrlError) -> Tensor {
    let sums = try batchNormBackwardSums(
      dy, x: x, statistics: statistics, scale: scale, shift: shift, relu: relu)
    for c in sums.dScale.indices {
      dScale.pointer[c] += Float(sums.dScale[c])
      dShift.pointer[c] += Float(sums.dShift[c])
    }
    return try batchNormBackwardApply(
      dy, x: x, statistics: statistics, sums: sums, scale: scale, shift: shift, relu: relu)
  }

  package func batchNormBackwardSums(
    _ dy: Tensor, x: Tensor, statistics: BatchStatistics, scale: Tensor, shift: Tensor, relu: Bool
  ) throws(ScrlError) -> BatchGradientSums {
    try batchNormBackwardSums(
      dy, x: x, Norm(statistics: statistics, scale: scale, shift: shift, relu: relu))
  }

  package func batchNormBackwardApply(
    _ dy: Tensor, x: Tensor, statistics: BatchStatistics, sums: BatchGradientSums, scale: Tensor,
    shift: Tensor, relu: Bool
  ) throws(ScrlError) -> Tensor {
    let norm = Norm(statistics: statistics, scale: scale, shift: shift, relu: relu)
    let dx = try Tensor(uninitialized: x.shape, layout: x.layout)
    try batchNormBackwardApply(dy, x: x, norm, sums, into: dx)
    return dx
  }

  package func addReLU(_ a: Tensor, _ b: Tensor) throws(ScrlError) -> Tensor {
    let y = try Tensor(uninitialized: a.shape, layout: a.layout)
    try addReLU(Addend(a), Addend(b), into: y)
    return y
  }

  package func addReLUBackward(_ dy: Tensor, y: Tensor) throws(ScrlError) -> Tensor {
    let dx = try dy.copied()
    _ = try addReLUBackward(dx, adding: nil, y: y, sumsOf: nil)
    return dx
  }

  package func maxPool(
    _ x: Tensor, _ g: PoolGeometry
  ) throws(ScrlError) -> (y: Tensor, winners: PoolWinners) {
    let y = try Tensor(uninitialized: try pooledShape(x.shape, g), layout: x.layout)
    let winners = try PoolWinners(uninitialized: y, g)
    try maxPool(x, into: y, winners)
    return (y, winners)
  }

  package func maxPoolBackward(
    _ dy: Tensor, winners: PoolWinners, inputHeight: Int, inputWidth: Int
  ) throws(ScrlError) -> Tensor {
    let dx = try Tensor(
      uninitialized: [dy.shape[0], dy.shape[1], inputHeight, inputWidth], layout: dy.layout)
    try maxPoolBackward(dy, winners: winners, into: dx)
    return dx
  }
}
