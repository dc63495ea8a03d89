// A running mean or variance of BatchNorm: state that is not learned and has no gradient.

import ScrlAutograd
import ScrlBase
import ScrlTensor

package final class RunningStatistic: StateTensor {
  package let name: String  // within its module: "bn1.running_mean"
  package let value: Tensor  // (C), written in place
  package private(set) var version = 0

  package init(name: String, channels: Int, initial: Float) throws(ScrlError) {
    self.name = name
    value = try Tensor(uninitialized: [channels])
    value.pointer.update(repeating: initial, count: channels)
  }

  package var plainShape: [Int] { value.shape }

  package func plain() throws(ScrlError) -> Tensor { value }

  package func assign(plain: Tensor) throws(ScrlError) {
    try overwrite(value, with: plain, name)
    version += 1
  }

  /// value ← (1 − momentum)·value + momentum·factor·batch
  func update(_ batch: Tensor, momentum: Float, factor: Float = 1) {
    for channel in 0..<value.count {
      value.pointer[channel] +=
        momentum * (factor * batch.pointer[channel] - value.pointer[channel])
    }
  }
}
