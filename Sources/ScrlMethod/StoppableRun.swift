// The loop of a run: steps, checkpoints on the way, a host that may stop it.

import ScrlBase

package protocol StoppableRun: AnyObject {
  associatedtype Report
  var stepsDone: Int { get }
  var totalSteps: Int { get }
  var checkpointInterval: Int { get }  // steps
  func step() throws(ScrlError) -> Report
  /// Saves where the run has a folder; else does nothing.
  func saveToFolder() throws(ScrlError)
}

extension StoppableRun {
  /// Trains at most `steps` steps (0: to the end), saves, and says so when it was stopped.
  /// - Parameter onStep: false stops after this step.
  package func run(steps: Int, onStep: (Report) -> Bool) throws(ScrlError) {
    let left = max(0, totalSteps - stepsDone)
    let end = stepsDone + (steps > 0 ? min(steps, left) : left)
    while stepsDone < end {
      let report = try step()
      if !onStep(report) {
        try saveToFolder()
        throw ScrlError(.cancelled, "train: stopped by the host after step \(stepsDone)")
      }
      if stepsDone % checkpointInterval == 0, stepsDone < end { try saveToFolder() }
    }
    try saveToFolder()
  }
}
