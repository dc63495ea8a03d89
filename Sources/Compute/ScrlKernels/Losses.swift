// Losses with their gradients in one pass over the rows. Values in float64.
// Letters: K box pairs, D embedding, R rows, F classes.

import Glibc
import ScrlBase
import ScrlTensor

/// The regression loss of BYOL and SCRL over both directions:
///   mean over K of (2 − 2·q₁·t₂) + (2 − 2·q₂·t₁), rows ℓ2-normalised as x / max(‖x‖, 1e-12).
/// q (2K,D) online predictions, t (2K,D) target projections; the first K rows are view one.
/// Returns the loss and dq for an upstream gradient of 1; t has no gradient.
package func cosineRegressionLoss(
  _ q: Tensor, target t: Tensor, _ workers: Workers
) throws(ScrlError) -> (loss: Double, dq: Tensor) {
  guard q.shape.count == 2, q.shape == t.shape, q.shape[0] > 0, q.shape[0] % 2 == 0 else {
    throw ScrlError(
      .shape,
      "cosine_regression_loss: got q \(q.shape), t \(t.shape) · expected equal (2K,D), K > 0")
  }
  let (pairs, width) = (q.shape[0] / 2, q.shape[1])
  let dq = try Tensor(uninitialized: q.shape)
  let (from, towards, to) = (q.pointer, t.pointer, dq.pointer)
  var loss = 0.0
  try withDoubleScratch(q.shape[0]) { losses in
    workers.ranges(q.shape[0], grain: 32) { rows in
      for row in rows {
        let partner = row < pairs ? row + pairs : row - pairs
        losses[row] = cosineRow(
          from + row * width, towards + partner * width, to + row * width, width,
          factor: 2 / Double(pairs))
      }
    }
    for row in 0..<2 * pairs { loss += losses[row] }
  }
  return (loss / Double(pairs), dq)
}

/// 2 − 2·q̂·t̂ of one row; dq = −factor/‖q‖·(t̂ − q̂·(q̂·t̂)).
private func cosineRow(
  _ q: UnsafePointer<Float>, _ t: UnsafePointer<Float>, _ dq: UnsafeMutablePointer<Float>,
  _ width: Int, factor: Double
) -> Double {
  var (qq, tt, qt) = (0.0, 0.0, 0.0)
  for c in 0..<width {
    let (a, b) = (Double(q[c]), Double(t[c]))
    qq += a * a
    tt += b * b
    qt += a * b
  }
  let epsilon = 1e-12
  let (qNorm, tNorm) = (max(qq.squareRoot(), epsilon), max(tt.squareRoot(), epsilon))
  let cosine = qt / (qNorm * tNorm)
  // Below ε the norm is a constant and only the direct term remains.
  let along = qq.squareRoot() > epsilon ? cosine / qNorm : 0
  for c in 0..<width {
    dq[c] = Float(-factor / qNorm * (Double(t[c]) / tNorm - Double(q[c]) * along))
  }
  return 2 - 2 * cosine
}

/// Softmax cross entropy, summed over the rows that have a label (label ≥ 0) and divided, and
/// dlogits. Without any labelled row the loss and its gradient are zero.
/// - Parameter divisor: nil for the number of labelled rows, so that the loss is their mean.
package func softmaxCrossEntropy(
  _ logits: Tensor, labels: [Int], divisor: Double? = nil, _ workers: Workers
) throws(ScrlError) -> (loss: Double, dlogits: Tensor) {
  guard logits.shape.count == 2, logits.shape[0] == labels.count, logits.shape[1] > 0 else {
    throw ScrlError(
      .shape,
      "softmax_cross_entropy: got logits \(logits.shape), \(labels.count) labels · expected (R,F)"
        + " and R labels")
  }
  let (rows, classes) = (logits.shape[0], logits.shape[1])
  if let row = labels.firstIndex(where: { $0 >= classes }) {
    throw ScrlError(
      .argument,
      "softmax_cross_entropy: got label \(labels[row]) in row \(row) · expected below \(classes)")
  }
  if let divisor { try expectDivisor("softmax_cross_entropy", divisor) }
  let factor = 1 / (divisor ?? Double(max(labels.count { $0 >= 0 }, 1)))
  let dlogits = try Tensor(uninitialized: logits.shape)
  let (from, to) = (logits.pointer, dlogits.pointer)
  var loss = 0.0
  try withDoubleScratch(rows) { losses in
    workers.ranges(rows, grain: 8) { range in
      for row in range {
        losses[row] = crossEntropyRow(
          from + row * classes, labels[row], to + row * classes, classes, factor: factor)
      }
    }
    for row in 0..<rows { loss += losses[row] }
  }
  return (loss * factor, dlogits)
}

private func crossEntropyRow(
  _ logits: UnsafePointer<Float>, _ label: Int, _ d: UnsafeMutablePointer<Float>, _ count: Int,
  factor: Double
) -> Double {
  guard label >= 0 else {
    d.update(repeating: 0, count: count)
    return 0
  }
  var largest = logits[0]
  for c in 1..<max(count, 1) { largest = max(largest, logits[c]) }
  var sum = 0.0
  for c in 0..<count { sum += exp(Double(logits[c]) - Double(largest)) }
  for c in 0..<count {
    let probability = exp(Double(logits[c]) - Double(largest)) / sum
    d[c] = Float(factor * (probability - (c == label ? 1 : 0)))
  }
  return log(sum) + Double(largest) - Double(logits[label])
}
