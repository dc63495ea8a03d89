// The losses as the start of a backward pass.

import Glibc
import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlAutograd

@Suite("Losses on the tape")
struct LossTests {
  // 16 products of order 1 in float64, gradients rounded once to float32; with slack 16·2⁻²⁴.
  private let tolerance = 1e-6

  /// Mean over K of (2 − 2·q₁·t₂) + (2 − 2·q₂·t₁), rows normalised.
  private func cosineLoss(_ q: [Double], _ t: [Double], pairs: Int, width: Int) -> Double {
    func unit(_ x: [Double], _ row: Int) -> [Double] {
      let values = x[row * width..<(row + 1) * width]
      let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return values.map { $0 / norm }
    }
    return (0..<2 * pairs).reduce(0) { sum, row in
      let partner = (row + pairs) % (2 * pairs)
      return sum + 2 - 2 * zip(unit(q, row), unit(t, partner)).reduce(0) { $0 + $1.0 * $1.1 }
    } / Double(pairs)
  }

  @Test("Cosine regression: value and gradient, whole and as a share of a global mean")
  func cosine() throws {
    let bench = try Bench()
    let (q, t) = (noise([6, 16], 1), noise([6, 16], 2))
    func loss(_ q: [Double]) -> Double { cosineLoss(q, t.values, pairs: 3, width: 16) }
    for share in [1, 0.25] {
      let leaf = try bench.leaf(q)
      let value = try bench.pass.cosineRegressionLoss(
        leaf, target: try bench.tensor(t), share: share)
      #expect(abs(value - loss(q.values)) < tolerance)
      try bench.tape.backward(bench.engine)
      expectNear(
        try bench.gradient(leaf), finiteDifferences(q.values) { share * loss($0) }, tolerance)
    }
  }

  @Test("Cross entropy: value and gradient; rows without a label count for nothing")
  func crossEntropy() throws {
    let bench = try Bench()
    let logits = noise([4, 5], 1)
    let labels = [2, -1, 0, 4]
    func loss(_ x: [Double]) -> Double {
      var sum = 0.0
      for (row, label) in labels.enumerated() where label >= 0 {
        let values = x[row * 5..<(row + 1) * 5]
        let partition = values.reduce(0) { $0 + exp($1) }
        sum += log(partition) - x[row * 5 + label]
      }
      return sum / 3
    }
    let leaf = try bench.leaf(logits)
    let value = try bench.pass.crossEntropyLoss(leaf, labels: labels)
    #expect(abs(value - loss(logits.values)) < tolerance)
    try bench.tape.backward(bench.engine)
    expectNear(try bench.gradient(leaf), finiteDifferences(logits.values, loss), tolerance)
  }

  @Test("Two losses on one network add their gradients, a detached one adds none")
  func twoLosses() throws {
    let bench = try Bench()
    let (x, t) = (noise([4, 6], 1), noise([4, 6], 2))
    func gradient(regression: Bool, probe: Bool, detached: Bool) throws -> [Double] {
      let leaf = try bench.leaf(x)
      let features = try bench.pass.addReLU(leaf, Activation(try bench.tensor(t)))
      if regression {
        _ = try bench.pass.cosineRegressionLoss(features, target: try bench.tensor(t))
      }
      if probe {
        _ = try bench.pass.crossEntropyLoss(
          detached ? features.detached : features, labels: [0, 1, 2, 3])
      }
      try bench.tape.backward(bench.engine)
      return try bench.gradient(leaf).map(Double.init)
    }
    let regression = try gradient(regression: true, probe: false, detached: false)
    let probe = try gradient(regression: false, probe: true, detached: false)
    let both = try gradient(regression: true, probe: true, detached: false)
    expectNear(both.map { Float($0) }, zip(regression, probe).map { $0 + $1 }, tolerance)
    #expect(try gradient(regression: true, probe: true, detached: true) == regression)
  }

  @Test("Without a tape a loss is only a number")
  func noTape() throws {
    let bench = try Bench()
    let leaf = try bench.leaf(noise([2, 4], 1))
    _ = try Pass(engine: bench.engine, mode: .inference)
      .cosineRegressionLoss(leaf, target: try leaf.value(bench.engine))
    #expect(try leaf.slot?.take(bench.engine) == nil)
  }
}
