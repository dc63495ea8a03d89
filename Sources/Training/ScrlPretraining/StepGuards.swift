// What keeps a step that fails from leaving traces.

import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor

/// A finite loss can have an infinite gradient; it must not reach the weights. Returns the sum of
/// the squares of all gradients.
@discardableResult
package func requireFiniteGradients(
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

/// BatchNorm's running statistics as they were, to go back to when a step fails.
package struct StatisticsSnapshot {
  private let saved: [(RunningStatistic, Tensor)]

  package init(_ state: ModuleContents) throws(ScrlError) {
    var saved: [(RunningStatistic, Tensor)] = []
    for entry in state.state {
      guard let statistic = entry.tensor as? RunningStatistic else { continue }
      saved.append((statistic, try statistic.value.copied()))
    }
    self.saved = saved
  }

  package func restore() throws(ScrlError) {
    for (statistic, values) in saved { try statistic.assign(plain: values) }
  }
}
