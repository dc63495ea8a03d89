// The loop of a run: steps, checkpoints on the way by step and by clock, a host that may stop it.

import ScrlBase

extension Trainer {
  private var checkpointInterval: Int {  // steps
    task.settings.checkpointEvery > 0 ? task.settings.checkpointEvery : task.stepsPerEpoch
  }

  /// Saves where the run has a folder; else does nothing.
  package func saveToFolder() throws(ScrlError) {
    try folder?.save(step: stepsDone, keep: task.settings.checkpointKeep, save)
  }

  /// Trains at most `steps` steps (0: to the end), saves, and says so when it was stopped.
  /// - Parameters:
  ///   - isCancelled: asked once before the first step: what came while no run was going.
  ///   - onStep: false stops after this step.
  package func run(
    steps: Int, isCancelled: () -> Bool = { false }, clock: () -> Double = monotonicSeconds,
    onStep: (Task.Report) -> Bool
  ) throws(ScrlError) {
    if isCancelled() { try stop() }
    let left = max(0, task.totalSteps - stepsDone)
    let end = stepsDone + (steps > 0 ? min(steps, left) : left)
    var timer = CheckpointTimer(
      minutes: task.settings.checkpointMinutes, isFirst: folder.map { !$0.hasCheckpoint } ?? false,
      now: clock())
    while stepsDone < end {
      let report = try step()
      if !onStep(report) { try stop() }
      guard stepsDone < end else { break }
      let isDue = timer.isDue(now: clock())
      if stepsDone % checkpointInterval == 0 {
        try saveToFolder()
      } else if isDue {
        try folder?.saveNewest(save)
      } else {
        continue
      }
      timer.saved(now: clock())
    }
    try saveToFolder()
  }

  private func stop() throws(ScrlError) -> Never {
    try saveToFolder()
    throw ScrlError(.cancelled, "train: stopped by the host after step \(stepsDone)")
  }
}

/// When a checkpoint is due by the clock: the first within a minute, whatever the config says, so
/// that a killed run can go on; then every checkpoint.minutes.
struct CheckpointTimer {
  private let interval: Double  // seconds; infinity: never
  private var isFirst: Bool
  private let start: Double
  private var last: Double  // of start and checkpoints, the latest
  private var stepEnd: Double
  /// Leaves ten seconds of the minute to write it.
  private static let first = 50.0

  init(minutes: Double, isFirst: Bool, now: Double) {
    interval = minutes > 0 ? 60 * minutes : .infinity
    self.isFirst = isFirst
    (start, last, stepEnd) = (now, now, now)
  }

  /// Asked after each step. The first is due when another step as long would end too late.
  mutating func isDue(now: Double) -> Bool {
    let stepSeconds = now - stepEnd
    stepEnd = now
    return now - last >= interval || isFirst && now - start + stepSeconds > CheckpointTimer.first
  }

  mutating func saved(now: Double) {
    (isFirst, last, stepEnd) = (false, now, now)
  }
}
