// Linear layers, losses and parameter updates against float64 definitions.

import ScrlBase
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlKernels

@Test(
  "linear and its gradients equal the definition, gradients being added", arguments: TestEngine.all)
func linearDefinition(_ kind: TestEngine) throws {
  let engine = try kind.make(Workers(2))
  let (n, i, o) = (37, 5, 19)
  let (x, w) = (numbers(n * i), numbers(o * i, tag: 1))
  let (b, dy) = (numbers(o, tag: 2), numbers(n * o, tag: 3))
  var y = [Double](repeating: 0, count: n * o)
  var (dx, dw) = ([Double](repeating: 0, count: n * i), [Double](repeating: 1, count: o * i))
  var db = [Double](repeating: 1, count: o)
  for r in 0..<n {
    for c in 0..<o {
      y[r * o + c] = Double(b[c])
      db[c] += Double(dy[r * o + c])
      for k in 0..<i {
        y[r * o + c] += Double(x[r * i + k]) * Double(w[c * i + k])
        dx[r * i + k] += Double(dy[r * o + c]) * Double(w[c * i + k])
        dw[c * i + k] += Double(dy[r * o + c]) * Double(x[r * i + k])
      }
    }
  }
  let (tx, tw) = (try Tensor(x, shape: [n, i]), try Tensor(w, shape: [o, i]))
  let tdy = try Tensor(dy, shape: [n, o])
  let ones = [Float](repeating: 1, count: o * i)
  let (tdw, tdb) = (try Tensor(ones, shape: [o, i]), try Tensor(Array(ones[..<o]), shape: [o]))
  try engine.linearBackwardParameters(tdy, x: tx, into: tdw, tdb)
  // At most 37 products below 1: √37·2⁻²⁴ ≈ 4e-7, times a few for the sums' magnitude.
  expectClose(
    try engine.linear(tx, weight: tw, bias: try Tensor(b, shape: [o])).array, y, absolute: 2e-6)
  expectClose(try engine.linearBackwardInput(tdy, weight: tw).array, dx, absolute: 2e-6)
  expectClose(tdw.array, dw, absolute: 3e-6)
  expectClose(tdb.array, db, absolute: 2e-6)
}

private func cosineLoss(_ q: [Double], _ t: [Float], _ pairs: Int, _ width: Int) -> Double {
  (0..<2 * pairs).reduce(0) { sum, row in
    let partner = (row + pairs) % (2 * pairs)
    var (qq, tt, qt) = (0.0, 0.0, 0.0)
    for c in 0..<width {
      let (a, b) = (q[row * width + c], Double(t[partner * width + c]))
      (qq, tt, qt) = (qq + a * a, tt + b * b, qt + a * b)
    }
    return sum + (2 - 2 * qt / (max(qq.squareRoot(), 1e-12) * max(tt.squareRoot(), 1e-12)))
  } / Double(pairs)
}

@Test("the cosine regression loss's gradient equals finite differences")
func cosineFiniteDifference() throws {
  let (q, t) = (numbers(24), numbers(24, tag: 1))
  let (loss, dq) = try cosineRegressionLoss(
    try Tensor(q, shape: [6, 4]), target: try Tensor(t, shape: [6, 4]), Workers(2))
  let exact = q.map(Double.init)
  #expect(abs(loss - cosineLoss(exact, t, 3, 4)) < 1e-14)
  let slopes = exact.indices.map { i in
    var (up, down) = (exact, exact)
    up[i] += 1e-6
    down[i] -= 1e-6
    return (cosineLoss(up, t, 3, 4) - cosineLoss(down, t, 3, 4)) / 2e-6
  }
  // Noise 1e-15 / 1e-6 = 1e-9, truncation 1e-11, one rounding to float32.
  expectClose(dq.array, slopes, relative: 1e-6, absolute: 1e-8)
}

@Test("zero rows give a cosine loss of two a direction and finite gradients")
func cosineZeroRows() throws {
  let zero = try Tensor(zeros: [2, 3])
  let (loss, dq) = try cosineRegressionLoss(zero, target: zero, Workers(1))
  #expect(loss == 4)
  #expect(dq.array.allSatisfy { $0 == 0 })
}

@Test("cross entropy without labelled rows is zero, and of huge logits finite")
func crossEntropyEdges() throws {
  let logits = try Tensor([1e30, -1e30, 0, 0], shape: [2, 2])
  let none = try softmaxCrossEntropy(logits, labels: [-1, -1], Workers(1))
  #expect(none.loss == 0)
  #expect(none.dlogits.array == [0, 0, 0, 0])
  let (loss, dlogits) = try softmaxCrossEntropy(logits, labels: [0, 1], Workers(1))
  #expect(abs(loss - 0.5 * 0.693147180559945) < 1e-12)
  #expect(dlogits.array == [0, 0, 0.25, -0.25])
}

@Test("a LARS step follows its formula", arguments: [true, false])
func larsDefinition(adapt: Bool) throws {
  let n = 20_000  // more than one chunk
  let (w, g, v) = (numbers(n), numbers(n, tag: 1), numbers(n, tag: 2))
  let (tw, tg) = (try Tensor(w, shape: [n]), try Tensor(g, shape: [n]))
  let tv = try Tensor(v, shape: [n])
  try larsSGDStep(
    weight: tw.buffer, gradient: tg.buffer, momentumBuffer: tv.buffer, rate: 0.25, momentum: 0.5,
    weightDecay: 0.01, trust: 0.1, epsilon: 1e-8, adapt: adapt, gradientScale: 0.5, Workers(2))
  func norm(_ x: [Float]) -> Double {
    x.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
  }
  let local = adapt ? 0.1 * norm(w) / (0.5 * norm(g) + 0.01 * norm(w) + 1e-8) : 1
  let velocity = (0..<n).map {
    0.5 * Double(v[$0]) + local * (0.5 * Double(g[$0]) + 0.01 * Double(w[$0]))
  }
  // Four roundings of values below 2.
  expectClose(tv.array, velocity, absolute: 5e-7)
  expectClose(tw.array, (0..<n).map { Double(w[$0]) - 0.25 * velocity[$0] }, absolute: 5e-7)
}

@Test("a LARS step of a zero weight or gradient uses the plain rate")
func larsZeroNorm() throws {
  let (w, g, v) = (try Tensor(zeros: [2]), try Tensor([1, 2], shape: [2]), try Tensor(zeros: [2]))
  try larsSGDStep(
    weight: w.buffer, gradient: g.buffer, momentumBuffer: v.buffer, rate: 0.5, momentum: 0.9,
    weightDecay: 0.1, trust: 1e-3, epsilon: 0, adapt: true, gradientScale: 1, Workers(1))
  #expect(w.array == [-0.5, -1])
}

@Test("the moving average ends at its online weights for momentum 0, stays for equal weights")
func emaEdges() throws {
  let target = try Tensor(numbers(9), shape: [9])
  let online = try Tensor(numbers(9, tag: 1), shape: [9])
  let before = target.array
  try emaUpdate(target: target.buffer, online: online.buffer, momentum: 0.75, Workers(2))
  let mean = zip(before, online.array).map { 0.75 * Double($0) + 0.25 * Double($1) }
  expectClose(target.array, mean, absolute: 2e-7)  // three roundings of values below 2
  try emaUpdate(target: target.buffer, online: online.buffer, momentum: 0, Workers(2))
  #expect(target.array == online.array)
  try emaUpdate(target: target.buffer, online: online.buffer, momentum: 0.996, Workers(2))
  #expect(target.array == online.array)
}
