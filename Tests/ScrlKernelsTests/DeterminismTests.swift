// The same worker count gives the same bytes; where sums are cut by the shape alone, any does.

import ScrlBase
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlKernels

/// Everything that adds numbers, over enough rows for several chunks and shares.
private func results(_ workers: Workers) throws -> (perCount: [[Float]], always: [[Float]]) {
  let engine = try OpenBLASEngine(workers: workers)
  let g = try ConvolutionGeometry(inputs: 4, outputs: 6, kernel: 3, stride: 1, padding: 1)
  let x = try Tensor(numbers(2 * 4 * 4900), shape: [2, 4, 70, 70], layout: .blocked(4))
  let dy = try Tensor(numbers(2 * 6 * 4900, tag: 1), shape: [2, 6, 70, 70], layout: .blocked(6))
  let weight = try Tensor(numbers(216, tag: 2), shape: g.weightShape, layout: .outputFirst)
  let dWeight = try Tensor(zeros: g.weightShape, layout: .outputFirst)
  try engine.convolutionBackwardWeight(dy, x: x, into: dWeight, g)
  let y = try engine.convolution(x, weight: weight, g)
  let dx = try engine.convolutionBackwardInput(
    dy, weight: weight, inputHeight: 70, inputWidth: 70, g)

  let (scale, shift) = (try Tensor(numbers(4), shape: [4]), try Tensor(zeros: [4]))
  let (normal, statistics) = try engine.batchNorm(
    x, scale: scale, shift: shift, epsilon: 1e-5, relu: true)
  let (dScale, dShift) = (try Tensor(zeros: [4]), try Tensor(zeros: [4]))
  let dNormal = try engine.batchNormBackward(
    x, x: x, statistics: statistics, scale: scale, shift: shift, relu: true, into: dScale, dShift)
  let norm = try squaredNorm(x.buffer, workers)
  return (
    [y.array, dx.array, dWeight.array],
    [normal.array, dNormal.array, dScale.array, dShift.array, [Float(norm)]]
  )
}

@Test("repeated runs of one worker count give the same bytes", arguments: [1, 2])
func repeatable(count: Int) throws {
  let (first, second) = (try results(Workers(count)), try results(Workers(count)))
  #expect(first.perCount == second.perCount)
  #expect(first.always == second.always)
}

@Test("statistics and norms do not depend on the worker count; convolutions nearly not")
func workerCount() throws {
  let (one, two) = (try results(Workers(1)), try results(Workers(2)))
  #expect(one.always == two.always)
  for (a, b) in zip(one.perCount, two.perCount) {
    // Sums of at most 9800 products of random sign: partial sums near √9800/3 ≈ 33, whose
    // rounding has deviation 2⁻¹⁸/√12 ≈ 1e-6; √9800 of them ≈ 1e-4, taken 4.5 times.
    expectClose(a, b, absolute: 5e-4)
  }
}
