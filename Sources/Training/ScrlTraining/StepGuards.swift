// What keeps a step that fails from leaving traces.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor

/// A finite loss can have an infinite gradient; it must not reach the weights. Returns the sum of
/// the squares of all gradients.
func requireFiniteGradients(
  _ parameters: [NamedParameter], step: Int, _ workers: Workers
) throws(ScrlError) -> Double {
  var sum = 0.0
  for entry in parameters {
    guard let gradient = entry.parameter.gradient else { continue }
    let norm = try squaredNorm(gradient.buffer, workers)
    guard norm.isFinite else {
      throw ScrlError(.diverged, "step \(step): the gradient of \(entry.name) is not finite")
    }
    sum += norm
  }
  return sum
}

/// State that a step changes before it is sure to succeed: running statistics, queues. It goes back
/// to what it was when the step fails; parameters change last.
struct StateSnapshot {
  private let saved: [(any StateTensor, Tensor)]

  init(_ contents: ModuleContents) throws(ScrlError) {
    var saved: [(any StateTensor, Tensor)] = []
    for entry in contents.state where !(entry.tensor is Parameter) {
      saved.append((entry.tensor, try entry.tensor.plain().copied()))
    }
    self.saved = saved
  }

  func restore() throws(ScrlError) {
    for (tensor, values) in saved { try tensor.assign(plain: values) }
  }
}
