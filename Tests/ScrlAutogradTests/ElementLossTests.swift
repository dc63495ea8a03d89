// Losses over chosen elements: value and gradient against the definition in float64, whatever the
// layout; logits and differences of any size.

import Glibc
import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlAutograd

// Values in float64, gradients rounded once to float32: 2⁻²⁴ of a slope below 1, with slack.
private let tolerance = 1e-6

@Suite("Losses over chosen elements")
struct ElementLossTests {
  /// Every third element of a shape, one of them twice; targets 0, 1 and between.
  private func targets(_ shape: [Int]) -> ElementTargets {
    var targets = ElementTargets()
    for (i, position) in stride(from: 1, to: shape.reduce(1, *), by: 3).enumerated() {
      targets.append(position, [0, 1, 0.375][i % 3])
    }
    targets.append(1, 1)
    return targets
  }

  private func sum(
    _ x: [Double], _ targets: ElementTargets, _ term: (Double, Double) -> Double
  ) -> Double {
    zip(targets.positions, targets.values).reduce(0) { $0 + term(x[$1.0], Double($1.1)) }
  }

  // Maps in blocks of 16, of one channel, of all, and a matrix.
  private static let shapes = [
    [2, 3, 3, 5], [1, 32, 3, 2], [2, 12, 2, 3], [1, 1, 1, 7], [4, 7],
  ]

  @Test(
    "Sigmoid cross entropy: value and gradient, whole and as a share",
    arguments: onEngines(shapes), [1, 0.25])
  func sigmoid(_ on: (kind: TestEngine, shape: [Int]), share: Double) throws {
    let bench = try Bench(on.kind)
    let (x, targets) = (noise(on.shape, 1), targets(on.shape))
    func loss(_ x: [Double]) -> Double {
      sum(x, targets) { x, t in
        let p = 1 / (1 + exp(-x))
        return -t * log(p) - (1 - t) * log(1 - p)
      } / 5
    }
    let leaf = try bench.leaf(x)
    let value = try bench.pass.sigmoidCrossEntropyLoss(leaf, targets, divisor: 5, share: share)
    #expect(abs(value - loss(x.values)) < tolerance)
    try bench.tape.backward(bench.engine)
    expectNear(
      try bench.gradient(leaf), finiteDifferences(x.values) { share * loss($0) }, tolerance)
  }

  @Test(
    "Smooth L1: value and gradient on both sides of beta, and the absolute difference",
    arguments: onEngines(shapes), [0, 0.3, 1])
  func smooth(_ on: (kind: TestEngine, shape: [Int]), beta: Double) throws {
    let bench = try Bench(on.kind)
    let (x, targets) = (noise(on.shape, 1), targets(on.shape))
    func loss(_ x: [Double]) -> Double {
      sum(x, targets) { x, t in
        let d = abs(x - t)
        return d < beta ? d * d / (2 * beta) : d - beta / 2
      } / 7
    }
    let leaf = try bench.leaf(x)
    let value = try bench.pass.smoothL1Loss(leaf, targets, beta: beta, divisor: 7)
    #expect(abs(value - loss(x.values)) < tolerance)
    try bench.tape.backward(bench.engine)
    expectNear(try bench.gradient(leaf), finiteDifferences(x.values, loss), tolerance)
  }

  @Test("Softmax cross entropy with a divisor of its own")
  func softmax() throws {
    let bench = try Bench()
    let (logits, labels) = (noise([4, 5], 1), [2, -1, 0, 4])
    func loss(_ x: [Double]) -> Double {
      labels.enumerated().filter { $1 >= 0 }.reduce(0) { sum, pair in
        let values = x[pair.offset * 5..<(pair.offset + 1) * 5]
        return sum + log(values.reduce(0) { $0 + exp($1) }) - x[pair.offset * 5 + pair.element]
      } / 512
    }
    let leaf = try bench.leaf(logits)
    let value = try bench.pass.crossEntropyLoss(leaf, labels: labels, divisor: 512)
    #expect(abs(value - loss(logits.values)) < tolerance)
    try bench.tape.backward(bench.engine)
    expectNear(try bench.gradient(leaf), finiteDifferences(logits.values, loss), tolerance)
  }

  @Test("Logits of any size give finite losses and the slopes of the limits")
  func huge() throws {
    var targets = ElementTargets()
    for i in 0..<6 { targets.append(i, i % 2 == 0 ? 0 : 1) }
    let logits = try Tensor([1e30, 1e30, -1e30, -1e30, 80, -80], shape: [1, 6])
    let (loss, d) = try sigmoidCrossEntropy(logits, targets, divisor: 1)
    // 1e30 for 0, 1e30 for 1 (nothing), −1e30 for 0 (nothing), −1e30 for 1, 80 for 0, −80 for 1.
    #expect(abs(loss - 2 * Double(Float(1e30))) <= 2e30 * 1e-15)
    #expect(d.array == [1, 0, 0, -1, 1, -1])
    // Far from the kink small probabilities keep their digits: e⁻⁸⁰ and not 0.
    targets = ElementTargets()
    targets.append(5, 0)
    let (small, slope) = try sigmoidCrossEntropy(logits, targets, divisor: 1)
    #expect(abs(small / exp(-80) - 1) < 1e-14)
    #expect(abs(Double(slope.array[5]) / exp(-80) - 1) < 1e-6)
  }

  @Test("At the target the absolute difference has slope zero; NaN is seen")
  func kink() throws {
    var targets = ElementTargets()
    targets.append(0, 2)
    targets.append(1, 2)
    let x = try Tensor([2, .nan], shape: [1, 2])
    let (loss, d) = try smoothL1(x, targets, beta: 0, divisor: 1)
    #expect(loss.isNaN)
    #expect(d.array[0] == 0)
    #expect(d.array[1].isNaN)
    #expect(try sigmoidCrossEntropy(x, targets, divisor: 1).loss.isNaN)
  }

  @Test("A plane is all cells of one channel of one image")
  func planes() {
    var targets = ElementTargets()
    targets.append(plane: 2, [1, 0, 1, 1])
    targets.append(plane: 0, [0, 0, 0, 1])
    #expect(targets.positions == [8, 9, 10, 11, 0, 1, 2, 3])
    #expect(targets.values == [1, 0, 1, 1, 0, 0, 0, 1])
  }

  @Test("Without elements a loss is zero and nothing flows")
  func none() throws {
    let bench = try Bench()
    let leaf = try bench.leaf(noise([1, 3, 2, 2], 1))
    #expect(try bench.pass.sigmoidCrossEntropyLoss(leaf, ElementTargets(), divisor: 1) == 0)
    #expect(try bench.pass.smoothL1Loss(leaf, ElementTargets(), beta: 1, divisor: 1) == 0)
    #expect(bench.tape.isEmpty)
  }

  @Test("Positions outside, divisors that do not divide, a negative beta are refused")
  func refused() throws {
    let x = try Tensor(zeros: [2, 3])
    var outside = ElementTargets()
    outside.append(6, 1)
    var negative = ElementTargets()
    negative.append(-1, 1)
    for targets in [outside, negative] {
      #expect(throws: ScrlError.self) { _ = try sigmoidCrossEntropy(x, targets, divisor: 1) }
      #expect(throws: ScrlError.self) { _ = try smoothL1(x, targets, beta: 0, divisor: 1) }
    }
    for divisor in [0, -1, Double.nan, .infinity] {
      #expect(throws: ScrlError.self) {
        _ = try sigmoidCrossEntropy(x, ElementTargets(), divisor: divisor)
      }
      #expect(throws: ScrlError.self) {
        _ = try softmaxCrossEntropy(x, labels: [0, 1], divisor: divisor, Workers(1))
      }
    }
    for beta in [-0.5, Double.nan, .infinity] {
      #expect(throws: ScrlError.self) {
        _ = try smoothL1(x, ElementTargets(), beta: beta, divisor: 1)
      }
    }
  }
}
