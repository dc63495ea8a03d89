// The end of a residual block, normalised on the way, equals its parts one after the other; and
// sums over groups of images add up to those over all of them.

import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

private let shape = [3, 48, 5, 4]
private let count = 3 * 48 * 5 * 4

private struct Sides {
  let engine: OpenBLASEngine
  let a, b, dy, more: Tensor
  let norm: Norm  // of a
  let other: Norm  // of b

  init(block: Int) throws {
    engine = try OpenBLASEngine(workers: Workers(2))
    func values(_ tag: Int) throws -> Tensor {
      try activation(numbers(count, tag: tag), shape, block: block)
    }
    (a, b, dy, more) = (try values(1), try values(2), try values(3), try values(4))
    norm = try Sides.norm(engine, a, tag: 5)
    other = try Sides.norm(engine, b, tag: 7)
  }

  private static func norm(_ engine: OpenBLASEngine, _ x: Tensor, tag: Int) throws -> Norm {
    Norm(
      statistics: try BatchStatistics(moments: try engine.batchNormMoments(x), epsilon: 1e-5),
      scale: try Tensor(numbers(48, tag: tag), shape: [48]),
      shift: try Tensor(numbers(48, tag: tag + 1), shape: [48]), relu: false)
  }

  func normalised(_ x: Tensor, _ norm: Norm?) throws -> Tensor {
    guard let norm else { return x }
    let y = try Tensor(uninitialized: x.shape, layout: x.layout)
    try engine.batchNormApply(x, norm, into: y)
    return y
  }
}

@Test(
  "a sum that normalises its sides has the bytes of normalising first",
  arguments: [48, 16, 12, 8], [(false, false), (true, false), (false, true), (true, true)])
func normalisedSum(_ block: Int, _ which: (a: Bool, b: Bool)) throws {
  let s = try Sides(block: block)
  let (one, two) = (which.a ? s.norm : nil, which.b ? s.other : nil)
  let y = try Tensor(uninitialized: shape, layout: .blocked(block))
  try s.engine.addReLU(Addend(s.a, one), Addend(s.b, two), into: y)
  let (a, b) = (try s.normalised(s.a, one), try s.normalised(s.b, two))
  #expect(y.array == zip(a.array, b.array).map { max($0 + $1, 0) })
}

@Test("a sum's gradient and its norm's sums equal their definition", arguments: [48, 16, 12, 8])
func sumGradient(_ block: Int) throws {
  let s = try Sides(block: block)
  let y = try s.engine.addReLU(try s.normalised(s.a, s.norm), s.b)
  let expected = zip(zip(s.dy.array, s.more.array), y.array).map { $1 > 0 ? $0.0 + $0.1 : 0 }
  let d = try s.dy.copied()
  let sums = try #require(
    try s.engine.addReLUBackward(d, adding: s.more, y: y, sumsOf: Addend(s.a, s.norm)))
  #expect(d.array == expected)
  let alone = try s.engine.batchNormBackwardSums(d, x: s.a, s.norm)
  #expect(sums.dShift == alone.dShift)
  #expect(sums.dScale == alone.dScale)
}

@Test("sums over groups of images add up to those over all", arguments: [48, 16, 12, 8])
func groupsAddUp(_ block: Int) throws {
  let s = try Sides(block: block)
  var moments = try s.engine.batchNormMoments(s.a.images(0..<1))
  moments += try s.engine.batchNormMoments(s.a.images(1..<3))
  let all = try s.engine.batchNormMoments(s.a)
  #expect(moments.count == all.count)
  var sums = try s.engine.batchNormBackwardSums(
    s.dy.images(0..<2), x: s.a.images(0..<2), s.norm)
  sums += try s.engine.batchNormBackwardSums(s.dy.images(2..<3), x: s.a.images(2..<3), s.norm)
  let whole = try s.engine.batchNormBackwardSums(s.dy, x: s.a, s.norm)
  for c in 0..<48 {
    // 60 terms of at most 4 in float64, in another order.
    #expect(abs(moments.squareSum[c] - all.squareSum[c]) < 60 * 60 * 4 * 0x1p-53)
    #expect(abs(sums.dShift[c] - whole.dShift[c]) < 60 * 60 * 4 * 0x1p-53)
    #expect(abs(sums.dScale[c] - whole.dScale[c]) < 60 * 60 * 4 * 0x1p-53)
  }
}

@Test("a sum of other shapes, or with a ReLU on a side, is an error")
func sumErrors() throws {
  let s = try Sides(block: 16)
  let y = try Tensor(uninitialized: shape, layout: .blocked(16))
  let relu = Norm(
    statistics: s.norm.statistics, scale: s.norm.scale, shift: s.norm.shift, relu: true)
  #expect(throws: ScrlError.self) {
    try s.engine.addReLU(Addend(s.a, relu), Addend(s.b), into: y)
  }
  #expect(throws: ScrlError.self) {
    try s.engine.addReLU(Addend(s.a), Addend(s.b.images(0..<1)), into: y)
  }
  #expect(throws: ScrlError.self) {
    _ = try s.engine.addReLUBackward(s.dy, adding: nil, y: y.images(0..<2), sumsOf: nil)
  }
}
