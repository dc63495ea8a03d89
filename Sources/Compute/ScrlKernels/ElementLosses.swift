// Losses over chosen elements of a map or a matrix, with their gradients: what a detector says of
// some anchors, boxes and masks. Elements are addressed in plain order, whatever the layout.
// Values in float64, elements in the order given. Letters: x prediction, t target.

import Glibc
import ScrlBase
import ScrlTensor

/// Chosen elements of a map (N,C,H,W), or of a matrix (N,F), and what they should be.
/// An element that is chosen twice counts twice.
package struct ElementTargets: Sendable {
  package private(set) var positions: [Int] = []  // ((n·C + c)·H + h)·W + w; n·F + f
  package private(set) var values: [Float] = []

  package init() {}

  package var count: Int { positions.count }

  package mutating func append(_ position: Int, _ value: Float) {
    positions.append(position)
    values.append(value)
  }

  /// All H·W cells of one channel of one image.
  /// - Parameter plane: n·C + c.
  package mutating func append(plane: Int, _ cells: [Float]) {
    positions += plane * cells.count..<(plane + 1) * cells.count
    values += cells
  }
}

/// Σ −t·log σ(x) − (1 − t)·log(1 − σ(x)) over the chosen elements, divided; t in [0, 1]. And dx.
package func sigmoidCrossEntropy(
  _ logits: Tensor, _ targets: ElementTargets, divisor: Double
) throws(ScrlError) -> (loss: Double, dlogits: Tensor) {
  try sumOverElements("sigmoid_cross_entropy", logits, targets, divisor) { x, t in
    // e^−|x| never overflows; both logarithms of the definition follow from log(1 + e^−|x|).
    let small = exp(-x.magnitude)
    let probability = (x < 0 ? small : 1) / (1 + small)
    return (max(x, 0) - x * t + log1p(small), probability - t)
  }
}

/// Σ of (x − t)²/(2β) where |x − t| < β, else |x − t| − β/2, over the chosen elements, divided
/// (Girshick 2015, PyTorch's smooth_l1_loss); β = 0 is |x − t|, whose slope at 0 is 0. And dx.
package func smoothL1(
  _ x: Tensor, _ targets: ElementTargets, beta: Double, divisor: Double
) throws(ScrlError) -> (loss: Double, dx: Tensor) {
  guard beta >= 0, beta.isFinite else {
    throw ScrlError(.argument, "smooth_l1: got beta \(beta) · expected a number of at least 0")
  }
  return try sumOverElements("smooth_l1", x, targets, divisor) { x, t in
    let (difference, length) = (x - t, (x - t).magnitude)
    if length < beta { return (difference * difference / (2 * beta), difference / beta) }
    // Of NaN, neither: it stays NaN.
    let slope = difference > 0 ? 1 : difference < 0 ? -1 : difference
    return (length - beta / 2, slope)
  }
}

/// - Parameter term: (loss, its slope) of one element.
private func sumOverElements(
  _ operation: String, _ x: Tensor, _ targets: ElementTargets, _ divisor: Double,
  _ term: (_ x: Double, _ t: Double) -> (loss: Double, slope: Double)
) throws(ScrlError) -> (Double, Tensor) {
  let shape = try x.rowsShape(operation)
  try expectDivisor(operation, divisor)
  if let position = targets.positions.first(where: { !(0..<x.count ~= $0) }) {
    throw ScrlError(
      .argument,
      "\(operation): got position \(position) · expected one in \(x.shape), below \(x.count)")
  }
  let dx = try Tensor(zeros: x.shape, layout: x.layout)
  let (from, to) = (x.pointer, dx.pointer)
  var sum = 0.0
  for (position, target) in zip(targets.positions, targets.values) {
    let place = shape.offset(plain: position)
    let (loss, slope) = term(Double(from[place]), Double(target))
    sum += loss
    to[place] += Float(slope / divisor)
  }
  return (sum / divisor, dx)
}

func expectDivisor(_ operation: String, _ divisor: Double) throws(ScrlError) {
  guard divisor > 0, divisor.isFinite else {
    throw ScrlError(
      .argument, "\(operation): got divisor \(divisor) · expected a positive number")
  }
}
