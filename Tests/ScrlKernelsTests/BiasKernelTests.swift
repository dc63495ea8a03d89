// Bias, ReLU and upsampling over every block size and every way that a map is cut.

import ScrlBase
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlKernels

// Blocks of 16, 8 and all channels; large enough for several chunks and pieces, odd ends.
private let cuts: [(shape: [Int], block: Int)] = [
  ([2, 32, 71, 67], 16), ([2, 16, 71, 67], 8), ([2, 24, 71, 67], 24), ([1, 3, 211, 199], 1),
  ([3, 12, 7, 5], 12), ([2, 16, 1, 1], 16), ([5, 10, 1, 1], 10), ([1, 1, 9, 7], 1),
]

@Test(
  "bias and ReLU equal the definition, and so do the mask and the sums", arguments: cuts,
  [false, true])
func biasDefinition(_ cut: (shape: [Int], block: Int), relu: Bool) throws {
  let (shape, block) = cut
  let count = shape.reduce(1, *)
  let (x, dy, bias) = (numbers(count), numbers(count, tag: 1), numbers(shape[1], tag: 2))
  let cells = shape[2] * shape[3]
  let want = x.indices.map { (i: Int) -> Float in
    let sum = x[i] + bias[i / cells % shape[1]]
    return relu && sum < 0 ? 0 : sum
  }
  let masked = x.indices.map { relu && !(want[$0] > 0) ? 0 : dy[$0] }
  var sums = [Double](repeating: 0, count: shape[1])
  for (i, value) in masked.enumerated() { sums[i / cells % shape[1]] += Double(value) }

  var bytes: [[Double]] = []
  for workers in [1, 2, 3] {
    let engine = try OpenBLASEngine(workers: Workers(workers))
    let y = try activation(x, shape, block: block)
    try engine.addBias(try Tensor(bias, shape: [shape[1]]), to: y, relu: relu)
    #expect(try plainValues(y) == want)
    let d = try activation(dy, shape, block: block)
    let apart = try Tensor(uninitialized: shape, layout: .blocked(block))
    let inPlace = try engine.biasBackward(d, masking: relu ? y : nil, into: apart)
    let got = try engine.biasBackward(d, masking: relu ? y : nil, into: d)
    #expect(got == inPlace)
    #expect(try plainValues(d) == masked)
    if relu { #expect(try plainValues(apart) == masked) }
    for (a, b) in zip(got, sums) {
      // Float64 sums of at most 42,000 values below 1 in another order: 42000·2⁻⁵³·√42000.
      #expect(abs(a - b) < 1e-9)
    }
    bytes.append(got)
  }
  // The cut is by the shape alone.
  #expect(bytes[0] == bytes[1] && bytes[1] == bytes[2])
}

@Test(
  "upsampling equals the definition in every block size", arguments: cuts)
func upsampleDefinition(_ cut: (shape: [Int], block: Int)) throws {
  let (shape, block) = cut
  let (height, width) = (shape[2], shape[3])
  let large = [shape[0], shape[1], 2 * height, 2 * width]
  let (coarse, fine) = (numbers(shape.reduce(1, *)), numbers(large.reduce(1, *), tag: 1))
  let engine = try OpenBLASEngine(workers: Workers(2))
  let y = try Tensor(uninitialized: large, layout: .blocked(block))
  let few = try activation(coarse, shape, block: block)
  let many = try activation(fine, large, block: block)
  try engine.upsampleAdd(few, many, into: y)
  /// The coarse cell under a fine one, both in plain order.
  func below(_ i: Int) -> Int {
    let (w, h, plane) = (i % (2 * width), i / (2 * width) % (2 * height), i / (4 * width * height))
    return (plane * height + h / 2) * width + w / 2
  }
  #expect(try plainValues(y) == fine.indices.map { fine[$0] + coarse[below($0)] })
  let d = try Tensor(uninitialized: shape, layout: .blocked(block))
  try engine.upsampleAddBackward(many, into: d)
  var sums = [Double](repeating: 0, count: coarse.count)
  for (i, value) in fine.enumerated() { sums[below(i)] += Double(value) }
  // Three additions of values below 4.
  expectClose(try plainValues(d), sums, absolute: 6 * 0x1p-24)
}

@Test("elements are found in every layout")
func plainOffsets() throws {
  let shape = [2, 12, 3, 5]
  for block in [1, 3, 4, 12] {
    let x = try activation((0..<360).map { Float($0) }, shape, block: block)
    let extents = try x.activationShape("test")
    #expect((0..<360).allSatisfy { x.pointer[extents.offset(plain: $0)] == Float($0) })
  }
  let matrix = try Tensor(zeros: [4, 6]).activationShape("test")
  #expect((0..<24).allSatisfy { matrix.offset(plain: $0) == $0 })
}

@Test("boxes pooled into rows of a larger tensor are those pooled alone", arguments: TestEngine.all)
func roiAlignRows(_ kind: TestEngine) throws {
  let engine = try kind.make(Workers(2))
  let x = try engine.activation(numbers(2 * 16 * 63), [2, 16, 7, 9])
  let boxes = (0..<3).map {
    RegionBox(image: $0 % 2, x0: Float($0), y0: 1, x1: Float($0 * 2 + 5), y1: 6.5)
  }
  let options = try RoIAlignOptions(
    outputHeight: 2, outputWidth: 3, spatialScale: 1, samplingRatio: 0, aligned: true)
  let alone = try engine.roiAlign(x, boxes: boxes, options)
  let rows = [4, 0, 3]
  let y = try Tensor(zeros: [5, 16, 2, 3], layout: x.layout)
  try engine.roiAlign(x, boxes: boxes, options, into: y, rows: rows)
  for (k, row) in rows.enumerated() {
    #expect(y.images(row..<row + 1).array == alone.images(k..<k + 1).array)
  }
  #expect(y.images(1..<3).array.allSatisfy { $0 == 0 })
  let shape = try x.activationShape("test")
  let want = try engine.roiAlignBackward(alone, boxes: boxes, options, like: shape)
  let got = try engine.roiAlignBackward(y, rows: rows, boxes: boxes, options, like: shape)
  #expect(got.array == want.array)

  for wrong in [[0, 1], [0, 1, 5], [0, 1, -1]] {
    #expect(throws: ScrlError.self) {
      try engine.roiAlign(x, boxes: boxes, options, into: y, rows: wrong)
    }
    #expect(throws: ScrlError.self) {
      _ = try engine.roiAlignBackward(y, rows: wrong, boxes: boxes, options, like: shape)
    }
  }
}

@Test("mismatched operands of bias and upsampling are shape errors", arguments: TestEngine.all)
func biasErrors(_ kind: TestEngine) throws {
  let engine = try kind.make(Workers(1))
  let x = try Tensor(zeros: [1, 4, 3, 3], layout: .blocked(4))
  let other = try Tensor(zeros: [1, 4, 3, 3], layout: .blocked(2))
  let wrong: [() throws -> Void] = [
    { try engine.addBias(try Tensor(zeros: [3]), to: x, relu: false) },
    { _ = try engine.biasBackward(x, masking: other, into: x) },
    { _ = try engine.biasBackward(x, masking: nil, into: other) },
    { try engine.relu(x, into: other) },
    { try engine.upsampleAdd(x, x, into: x) },
    { try engine.upsampleAddBackward(x, into: x) },
  ]
  for body in wrong {
    let error = #expect(throws: ScrlError.self) { try body() }
    #expect(error?.code == .shape)
  }
}
