// Where a backward pass begins, perhaps in several losses at once: a loss computes its gradient
// together with its value, and its operation puts it into the slot of what it judged.
// `share` multiplies the gradient, not the value returned: this machine's part of a global mean.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  /// Mean over K pairs of (2 − 2·q₁·t₂) + (2 − 2·q₂·t₁), in [0, 8]; q (2K,D) predictions and
  /// t (2K,D) targets, view one first. t has no gradient.
  package func cosineRegressionLoss(
    _ q: Activation, target: Tensor, share: Double = 1
  ) throws(ScrlError) -> Double {
    let (loss, dq) = try ScrlKernels.cosineRegressionLoss(
      try q.value(engine), target: target, engine.workers)
    seed(q, dq, share)
    return loss
  }

  /// Softmax cross entropy over the rows whose label is not negative, divided; logits (R,F).
  /// - Parameter divisor: nil for the number of such rows: their mean.
  package func crossEntropyLoss(
    _ logits: Activation, labels: [Int], divisor: Double? = nil, share: Double = 1
  ) throws(ScrlError) -> Double {
    let (loss, dlogits) = try softmaxCrossEntropy(
      try logits.value(engine), labels: labels, divisor: divisor, engine.workers)
    seed(logits, dlogits, share)
    return loss
  }

  /// Sigmoid cross entropy over chosen elements of a map or a matrix, divided. Without any it is
  /// zero and sends no gradient.
  package func sigmoidCrossEntropyLoss(
    _ logits: Activation, _ targets: ElementTargets, divisor: Double, share: Double = 1
  ) throws(ScrlError) -> Double {
    guard targets.count > 0 else { return 0 }
    let (loss, dlogits) = try sigmoidCrossEntropy(
      try logits.value(engine), targets, divisor: divisor)
    seed(logits, dlogits, share)
    return loss
  }

  /// Smooth L1 over chosen elements of a map or a matrix, divided; β = 0 is the absolute
  /// difference. Without any it is zero and sends no gradient.
  package func smoothL1Loss(
    _ x: Activation, _ targets: ElementTargets, beta: Double, divisor: Double, share: Double = 1
  ) throws(ScrlError) -> Double {
    guard targets.count > 0 else { return 0 }
    let (loss, dx) = try smoothL1(try x.value(engine), targets, beta: beta, divisor: divisor)
    seed(x, dx, share)
    return loss
  }

  private func seed(_ x: Activation, _ gradient: Tensor, _ share: Double) {
    guard let tape, let input = x.slot else { return }
    if share != 1 {
      for i in 0..<gradient.count { gradient.pointer[i] *= Float(share) }
    }
    tape.record(LossOp(gradient: gradient, input: input))
  }
}

private struct LossOp: TapeOp {
  let gradient: Tensor  // of the loss by what it judged, made with the value in one sweep
  let input: GradientSlot

  func backward(_ engine: any Engine) throws(ScrlError) {
    try input.receive(gradient, engine)
  }
}
