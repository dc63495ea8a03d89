// Kernels over blocks of 8 and 16 channels equal those over rows of all channels, in every way
// that a panel is cut: with an odd rest, in pieces, larger than the caches.

import ScrlBase
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlKernels

struct Cut: CustomTestStringConvertible {
  let shape: [Int]
  let why: String
  var count: Int { shape.reduce(1, *) }
  var testDescription: String { "\(shape): \(why)" }
}

private let cuts = [
  Cut(shape: [3, 32, 7, 7], why: "panels of an odd number of cells, several a task"),
  Cut(shape: [2, 32, 71, 67], why: "panels in pieces, the last one short and odd"),
  Cut(shape: [3, 96, 63, 61], why: "several groups of blocks, the last one short"),
  Cut(shape: [2, 64, 184, 179], why: "results larger than the caches"),
]

/// Everything that normalisation returns, in plain order.
private struct Normalised {
  let y, dx: [Float]
  let dScale, dShift: [Float]
  let moments: BatchMoments

  init(_ cut: Cut, block: Int, relu: Bool, _ workers: Workers) throws {
    let engine = try OpenBLASEngine(workers: workers)
    let channels = cut.shape[1]
    let x = try activation(numbers(cut.count).map { $0 + 1 }, cut.shape, block: block)
    let dy = try activation(numbers(cut.count, tag: 1), cut.shape, block: block)
    let scale = try Tensor(numbers(channels, tag: 2), shape: [channels])
    let shift = try Tensor(numbers(channels, tag: 3), shape: [channels])
    let (a, b) = (try Tensor(zeros: [channels]), try Tensor(zeros: [channels]))
    let (y, statistics) = try engine.batchNorm(
      x, scale: scale, shift: shift, epsilon: 1e-5, relu: relu)
    let dx = try engine.batchNormBackward(
      dy, x: x, statistics: statistics, scale: scale, shift: shift, relu: relu, into: a, b)
    moments = try engine.batchNormMoments(x)
    (self.y, self.dx) = (try plainValues(y), try plainValues(dx))
    (dScale, dShift) = (a.array, b.array)
  }
}

@Test(
  "normalisation of blocks equals that of rows", arguments: cuts,
  [(8, true), (16, true), (16, false)])
func normalisedBlocks(_ cut: Cut, _ how: (block: Int, relu: Bool)) throws {
  let got = try Normalised(cut, block: how.block, relu: how.relu, Workers(2))
  let want = try Normalised(cut, block: cut.shape[1], relu: how.relu, Workers(2))
  let rows = Double(got.moments.count)
  // Float64 sums of M values of at most 2, squares of at most 4: each of M additions rounds by at
  // most 4M·2⁻⁵³, at random √M of that; allowed 4·2⁻⁵³·M^1.5, for the least M = 147 also 1e-12.
  let sumTolerance = 4 * 0x1p-53 * rows * rows.squareRoot() + 1e-12
  for c in got.moments.sum.indices {
    #expect(abs(got.moments.sum[c] - want.moments.sum[c]) < sumTolerance)
    #expect(abs(got.moments.squareSum[c] - want.moments.squareSum[c]) < sumTolerance)
  }
  // So the statistics agree to the last rounding to float32, 2⁻²⁴ of a mean of 1 and of inv ≈ √3,
  // and with them y, which is below 4, and dx, below 8, each with a few roundings of its own.
  expectClose(got.y, want.y, absolute: 2e-6)
  // A mask that falls otherwise moves dx by scale·inv·dy at one element: none does, as above.
  expectClose(got.dx, want.dx, absolute: 4e-6)
  expectClose(got.dShift, want.dShift, relative: 1e-6, absolute: 1e-4)
  expectClose(got.dScale, want.dScale, relative: 1e-6, absolute: 1e-4)
}

@Test("normalisation of blocks does not depend on the worker count", arguments: cuts)
func normalisedWorkers(_ cut: Cut) throws {
  let one = try Normalised(cut, block: 16, relu: true, Workers(1))
  let three = try Normalised(cut, block: 16, relu: true, Workers(3))
  #expect(one.y == three.y)
  #expect(one.dx == three.dx)
  #expect(one.dScale == three.dScale)
  #expect(one.moments.squareSum == three.moments.squareSum)
}

@Test("a residual sum and its gradient are the same at every cut", arguments: cuts, [8, 16])
func residualBlocks(_ cut: Cut, block: Int) throws {
  let engine = try OpenBLASEngine(workers: Workers(2))
  let (a, b) = (numbers(cut.count), numbers(cut.count, tag: 1))
  let y = try engine.addReLU(
    try activation(a, cut.shape, block: block), try activation(b, cut.shape, block: block))
  #expect(try plainValues(y) == zip(a, b).map { max($0 + $1, 0) })
  let dx = try engine.addReLUBackward(try activation(b, cut.shape, block: block), y: y)
  #expect(try plainValues(dx) == zip(a, b).map { $0 + $1 > 0 ? $1 : 0 })
}

@Test("max pooling of blocks equals that of rows", arguments: cuts, [8, 16])
func pooledBlocks(_ cut: Cut, block: Int) throws {
  let engine = try OpenBLASEngine(workers: Workers(2))
  let g = try PoolGeometry(kernel: 3, stride: 2, padding: 1)
  func pooled(_ block: Int) throws -> (y: [Float], dx: [Float]) {
    let x = try activation(numbers(cut.count), cut.shape, block: block)
    let (y, winners) = try engine.maxPool(x, g)
    let dy = try activation(numbers(y.count, tag: 1), y.shape, block: block)
    let dx = try engine.maxPoolBackward(
      dy, winners: winners, inputHeight: cut.shape[2], inputWidth: cut.shape[3])
    return (try plainValues(y), try plainValues(dx))
  }
  let (got, want) = (try pooled(block), try pooled(cut.shape[1]))
  #expect(got.y == want.y)
  #expect(got.dx == want.dx)
}
