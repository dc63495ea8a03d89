// Where a backward pass begins: a loss computes its gradient together with its value, and its
// operation puts it into the slot of what it judged.
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

  /// Softmax cross entropy, mean over the rows whose label is not negative; logits (R,F).
  package func crossEntropyLoss(
    _ logits: Activation, labels: [Int], share: Double = 1
  ) throws(ScrlError) -> Double {
    let (loss, dlogits) = try softmaxCrossEntropy(
      try logits.value(engine), labels: labels, engine.workers)
    seed(logits, dlogits, share)
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
