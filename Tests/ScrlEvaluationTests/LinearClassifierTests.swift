// The layer's update, its hits, the scale of features, and who is held out.

import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlEvaluation

private func step(
  _ w: Tensor, _ g: [Float], _ v: Tensor, rate: Double, adapt: Bool
) throws {
  let gradient = try Tensor(g, shape: [g.count])
  try larsSGDStep(
    weight: w.buffer, gradient: gradient.buffer, momentumBuffer: v.buffer, rate: rate,
    momentum: 0.9, weightDecay: 0, trust: LARSOptions.trust, epsilon: LARSOptions.epsilon,
    adapt: adapt, gradientScale: 1, nesterov: true, Workers(1))
}

@Test("Nesterov steps follow their definition, plain and under LARS", arguments: [false, true])
func nesterovDefinition(adapts: Bool) throws {
  let start: [Float] = [0.5, -1.25, 2]
  let gradients: [[Float]] = [[0.25, -0.5, 1], [-0.125, 0.75, 0.5], [1, 0.5, -0.25]]
  let rates = [0.1, 0.4, 0.2]
  let (w, v) = (try Tensor(start, shape: [3]), try Tensor(zeros: [3]))
  var (wd, vd) = (start.map(Double.init), [0.0, 0, 0])
  for (g, rate) in zip(gradients, rates) {
    try step(w, g, v, rate: rate, adapt: adapts)
    let norm = { (x: [Double]) in x.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    let gd = g.map(Double.init)
    let local = adapts ? 0.001 * norm(wd) / (norm(gd) + 1e-8) : 1
    for i in 0..<3 {
      vd[i] = 0.9 * vd[i] + local * gd[i]
      wd[i] -= rate * (local * gd[i] + 0.9 * vd[i])
    }
  }
  // Three steps of four roundings of values below 4: 12·4·2⁻²⁴ = 3e-6.
  expectClose(w.array, wd, absolute: 3e-6)
}

/// torch 2.x, SGD(lr 0.1, momentum 0.9, nesterov=True), gradients 1, 2, −1 from weight 1; by hand:
/// v = 1, 2.9, 1.61; w = 1 − 0.19, − 0.461, − 0.0449.
@Test("Nesterov momentum is PyTorch's")
func nesterovAsInPyTorch() throws {
  let (w, v) = (try Tensor([1], shape: [1]), try Tensor(zeros: [1]))
  var seen: [Float] = []
  for gradient in [Float(1), 2, -1] {
    try step(w, [gradient], v, rate: 0.1, adapt: false)
    seen.append(w.array[0])
  }
  expectClose(seen, [0.81, 0.349, 0.3041], absolute: 3e-7)
}

@Test("the layer's gradient is the slope of its loss")
func gradientIsTheSlope() throws {
  let engine = try OpenBLASEngine(workers: Workers(1))
  let (n, f, k) = (6, 4, 3)
  let rows = try Tensor(numbers(n * f), shape: [n, f])
  let labels = [0, 1, 2, 2, 1, 0]
  func classifier() throws -> LinearClassifier {
    let made = try LinearClassifier(
      features: f, classes: k, quirks: .corrected, seed: 0, engine: engine)
    made.weight.pointer.update(from: numbers(k * f, tag: 1), count: k * f)
    made.bias.pointer.update(from: numbers(k, tag: 2), count: k)
    return made
  }
  func loss(_ index: Int, _ change: Float) throws -> Double {
    let moved = try classifier()
    let place = index < k * f ? moved.weight.pointer + index : moved.bias.pointer + (index - k * f)
    place.pointee += change
    return try softmaxCrossEntropy(
      try moved.logits(rows), labels: labels, Workers(1)
    ).loss
  }
  let before = try classifier()
  let after = try classifier()
  // The first step from rest moves by rate·(1 + 0.9)·gradient.
  _ = try after.learn(rows, labels: labels, rate: 1)
  let moved = zip(before.weight.array + before.bias.array, after.weight.array + after.bias.array)
    .map { ($0 - $1) / 1.9 }
  let slopes = try (0..<k * f + k).map { try (loss($0, 0.01) - loss($0, -0.01)) / 0.02 }
  // Central differences: h²/6 · third derivative ≤ 1e-4/6; float32 logits: 2⁻²⁴/0.02 = 3e-6.
  expectClose(moved, slopes, absolute: 3e-5)
}

@Test("a corrected layer starts at zero, an official one as torch.nn.Linear")
func starts() throws {
  let engine = try OpenBLASEngine(workers: Workers(1))
  let zero = try LinearClassifier(
    features: 16, classes: 4, quirks: .corrected, seed: 3, engine: engine)
  #expect(zero.weight.array.allSatisfy { $0 == 0 } && zero.bias.array.allSatisfy { $0 == 0 })
  let random = try LinearClassifier(
    features: 16, classes: 4, quirks: .official, seed: 3, engine: engine)
  #expect(random.weight.array.allSatisfy { $0.magnitude <= 0.25 })
  #expect(Set(random.weight.array).count > 32)
}

@Test("hits count the first and the first five outputs; of equals the earlier class is ahead")
func hits() throws {
  let logits = try Tensor(
    [6, 5, 4, 3, 2, 1, /**/ 1, 1, 1, 1, 1, 1, /**/ 0, 9, 9, 0, 0, 0, /**/ 1, 2, 3, 4, 5, 6],
    shape: [4, 6])
  #expect(Hits(logits, labels: [0, 0, 1, 5]) == Hits(first: 4, five: 4))
  #expect(Hits(logits, labels: [5, 5, 2, 0]) == Hits(first: 0, five: 1))
  #expect(Hits(logits, labels: [-1, -1, -1, -1]) == Hits())
}

@Test("standardised features have mean 0 and keep their proportions", arguments: [2, 1000])
func standardising(offset: Float) throws {
  let rows = 50
  var values = numbers(rows * 3)
  for row in 0..<rows {
    values[3 * row] += offset
    values[3 * row + 1] = 0.1  // constant, not exact in binary
    values[3 * row + 2] *= 8
  }
  let features = try Tensor(values, shape: [rows, 3])
  var moments = FeatureMoments()
  moments.add(features)
  moments.standardiser().apply(to: features, Workers(1))
  let means = (0..<3).map { c in
    (0..<rows).reduce(0.0) { $0 + Double(values[3 * $1 + c]) } / 50
  }
  let centred = values.indices.map { Double(values[$0]) - means[$0 % 3] }
  func size(_ x: [Double]) -> Double { (x.reduce(0) { $0 + $1 * $1 } / 150).squareRoot() }
  let unit = min(size(values.map(Double.init)), 6 * size(centred))
  #expect((unit < size(values.map(Double.init))) == (offset > 100))
  // Values near 1000 and their mean have steps of 6e-5, the unit is above 10.
  expectClose(features.array, centred.map { $0 / unit }, absolute: 1e-5)
  #expect((0..<rows).allSatisfy { features.array[3 * $0 + 1] == 0 })
}

@Test("features that are all 0 stay 0")
func standardisingZeros() throws {
  let zeros = try Tensor(zeros: [4, 2])
  var moments = FeatureMoments()
  moments.add(zeros)
  moments.standardiser().apply(to: zeros, Workers(1))
  #expect(zeros.array.allSatisfy { $0 == 0 })
}

@Test("moments do not depend on how rows are cut")
func momentsInParts() throws {
  let features = numbers(40 * 5)
  var (whole, parts) = (FeatureMoments(), FeatureMoments())
  whole.add(try Tensor(features, shape: [40, 5]))
  parts.add(try Tensor(Array(features[..<35]), shape: [7, 5]))
  parts.add(try Tensor(zeros: [0, 5]))
  parts.add(try Tensor(Array(features[35...]), shape: [33, 5]))
  #expect(whole.standardiser().mean == parts.standardiser().mean)
  #expect(whole.standardiser().factor == parts.standardiser().factor)
}

@Test("a fifth is held out, class by class, by the seed; classes are numbered as they occur")
func heldOut() throws {
  let labels = (0..<100).map { $0 % 10 == 9 ? -1 : ($0 % 2 == 0 ? 7 : Int(Int32.max)) }
  let rows = try LabelledRows(train: labels, test: nil, seed: 1, for: "t")
  #expect((rows.classes, rows.unlabelled) == (2, 10))
  #expect((rows.train.count, rows.test.count) == (72, 18))
  #expect(Set((rows.train + rows.test).map(\.index)).count == 90)
  #expect(rows.test.count { $0.label == 0 } == 10 && rows.test.count { $0.label == 1 } == 8)
  #expect(try LabelledRows(train: labels, test: nil, seed: 1, for: "t").test == rows.test)
  #expect(try LabelledRows(train: labels, test: nil, seed: 2, for: "t").test != rows.test)
}
