// The same worker count gives the same bytes; where sums are cut by the shape alone, any does.

import ScrlBase
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlKernels

/// Everything that adds numbers, over enough rows for several chunks and shares.
private func results(
  _ kind: TestEngine, _ workers: Workers, channels: Int
) throws -> (perCount: [[Float]], always: [[Float]]) {
  let engine = try kind.make(workers)
  let (inputs, outputs) = (channels, channels / 2 * 3)
  let g = try ConvolutionGeometry(
    inputs: inputs, outputs: outputs, kernel: 3, stride: 1, padding: 1)
  let x = try engine.activation(numbers(2 * inputs * 4900), [2, inputs, 70, 70])
  let dy = try engine.activation(numbers(2 * outputs * 4900, tag: 1), [2, outputs, 70, 70])
  let weight = try engine.packWeight(
    try Tensor(numbers(inputs * outputs * 9, tag: 2), shape: g.weightShape), g)
  let dWeight = try engine.zeroWeight(g)
  try engine.convolutionBackwardWeight(dy, x: x, into: dWeight, g)
  let y = try engine.convolution(x, weight: weight, g)
  let dx = try engine.convolutionBackwardInput(
    dy, weight: weight, inputHeight: 70, inputWidth: 70, g)

  let (scale, shift) = (
    try Tensor(numbers(inputs), shape: [inputs]), try Tensor(zeros: [inputs])
  )
  let (normal, statistics) = try engine.batchNorm(
    x, scale: scale, shift: shift, epsilon: 1e-5, relu: true)
  let (dScale, dShift) = (try Tensor(zeros: [inputs]), try Tensor(zeros: [inputs]))
  let dNormal = try engine.batchNormBackward(
    x, x: x, statistics: statistics, scale: scale, shift: shift, relu: true, into: dScale, dShift)
  let norm = try squaredNorm(x.buffer, workers)
  return (
    [y.array, dx.array, dWeight.array],
    [normal.array, dNormal.array, dScale.array, dShift.array, [Float(norm)]]
  )
}

@Test(
  "repeated runs of one worker count give the same bytes",
  arguments: onEngines([1, 2], TestEngine.convolving), [4, 32])
func repeatable(_ on: (kind: TestEngine, count: Int), channels: Int) throws {
  let first = try results(on.kind, Workers(on.count), channels: channels)
  let second = try results(on.kind, Workers(on.count), channels: channels)
  #expect(first.perCount == second.perCount)
  #expect(first.always == second.always)
}

@Test(
  "statistics and norms do not depend on the worker count; convolutions nearly not",
  arguments: TestEngine.convolving, [4, 32])
func workerCount(_ kind: TestEngine, channels: Int) throws {
  let one = try results(kind, Workers(1), channels: channels)
  let two = try results(kind, Workers(2), channels: channels)
  #expect(one.always == two.always)
  for (a, b) in zip(one.perCount, two.perCount) {
    // Sums of at most 9800 products of random sign: partial sums near √9800/3 ≈ 33, whose
    // rounding has deviation 2⁻¹⁸/√12 ≈ 1e-6; √9800 of them ≈ 1e-4, taken 4.5 times. Among
    // 14 000 sums some are four times as large: twice that.
    expectClose(a, b, absolute: channels > 4 ? 1e-3 : 5e-4)
  }
}
