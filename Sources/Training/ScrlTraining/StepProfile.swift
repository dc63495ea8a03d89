// Where a step's time went.

import ScrlBase

/// Seconds by part of the last step.
package struct StepProfile: Sendable {
  package var wait = 0.0  // for the batch
  package var onlineForward = 0.0
  package var targetForward = 0.0
  package var backward = 0.0
  package var update = 0.0  // optimiser and target
  package var total = 0.0

  package var json: String {
    let other = max(0, total - wait - onlineForward - targetForward - backward - update)
    return "{\"wait\": \(wait), \"online_forward\": \(onlineForward), "
      + "\"target_forward\": \(targetForward), \"backward\": \(backward), "
      + "\"update\": \(update), \"other\": \(other), \"total\": \(total)}"
  }
}

package struct StepWatch {
  package private(set) var profile = StepProfile()
  private let start: Double
  private var last: Double

  init(startedAt start: Double) {
    self.start = start
    last = start
  }

  package mutating func lap(_ part: WritableKeyPath<StepProfile, Double>) {
    let now = monotonicSeconds()
    profile[keyPath: part] = now - last
    last = now
  }

  /// What was done since the last lap is none of the parts.
  package mutating func skip() { last = monotonicSeconds() }

  mutating func finish() { profile.total = monotonicSeconds() - start }
}
