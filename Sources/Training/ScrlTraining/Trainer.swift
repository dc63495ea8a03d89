// A task's training, with the files around it. A step in numbered phases:
//   batch → loss → gradients → guards → update → report → metrics
// Not here: the loop over steps and its checkpoints (RunLoop), what is saved (TrainingCheckpoint).

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlStore

package final class Trainer<Task: TrainingTask> {
  package let task: Task
  package let folder: RunFolder?
  package private(set) var stepsDone = 0
  package private(set) var stepsSkipped = 0
  package private(set) var profile = StepProfile()
  var metrics = Metrics()

  /// - Parameter folder: made when missing; one that already holds a run is refused.
  package init(_ task: Task, folder: String?) throws(ScrlError) {
    self.task = task
    try task.trained.reserveGradients()
    self.folder = try folder.map { path throws(ScrlError) in try RunFolder(creating: path) }
  }

  /// - Parameters:
  ///   - path: a run folder (its newest whole checkpoint is taken, later metrics are cut) or a
  ///     checkpoint file (nothing is written until the host saves).
  ///   - makeTask: the task as the checkpoint describes it; its tensors are filled here.
  package init(
    resuming path: String, _ makeTask: (SavedRun) throws(ScrlError) -> Task
  ) throws(ScrlError) {
    let claimed = try ClaimedFolder(resuming: path)
    let saved = try SavedRun(path, of: Task.self)
    task = try makeTask(saved)
    try task.trained.reserveGradients()
    try saved.restore(task)
    metrics = saved.metrics
    (stepsDone, stepsSkipped) = (saved.step, saved.stepsSkipped)
    folder = try claimed.map { claimed throws(ScrlError) in
      try RunFolder(claimed, atStep: saved.step)
    }
  }

  /// - Throws: `.config` where the new length of a resumed run is less than what it has done.
  package func requireLonger(than changes: [String]) throws(ScrlError) {
    guard !changes.isEmpty, task.totalSteps < stepsDone else { return }
    throw ScrlError(
      .config,
      "resume: with the new \(changes.joined(separator: ", ")) the run has \(task.totalSteps) "
        + "steps, and \(stepsDone) are done · expected at least as many")
  }

  package var isDone: Bool { stepsDone >= task.totalSteps }

  /// One step on the dataset's next batch.
  package func step() throws(ScrlError) -> Task.Report {
    guard !isDone else {
      throw ScrlError(.state, "step: all \(task.totalSteps) steps are done")
    }
    let start = monotonicSeconds()
    return try step(on: try task.batch(step: stepsDone), startedAt: start)
  }

  /// One step on a given batch.
  package func step(
    on batch: Task.Batch, startedAt start: Double = monotonicSeconds()
  ) throws(ScrlError) -> Task.Report {
    var watch = StepWatch(startedAt: start)
    watch.lap(\.wait)
    var report = try task.report(on: batch, step: stepsDone + 1)
    report.waitSeconds = watch.profile.wait
    if report.didStep { try learn(batch, &report, &watch) } else { stepsSkipped += 1 }
    report.stepsSkipped = stepsSkipped
    task.finished(report, batch: batch)
    stepsDone += 1
    watch.finish()
    profile = watch.profile
    report.seconds = profile.total
    metrics.append(row: report.row)
    try folder?.append(report.jsonLine(batch: task.settings.batch))
    return report
  }

  /// The step proper. On an error nothing has changed, running statistics and queues included.
  private func learn(
    _ batch: Task.Batch, _ report: inout Task.Report, _ watch: inout StepWatch
  ) throws(ScrlError) {
    let before = try StateSnapshot(task.state)
    task.state.clearGradients()
    defer { task.state.clearGradients() }
    let tape = Tape()
    do throws(ScrlError) {
      // 1. Forward passes and loss.
      try task.lose(
        on: batch, &report, Pass(engine: task.engine, tape: tape, mode: .training), &watch)

      // 2. Gradients, last operation first.
      try tape.backward(task.engine)

      // 3. Guards: a finite loss can have an infinite gradient.
      let squares = try requireFiniteGradients(
        task.trained, step: report.step, task.engine.workers)
      watch.lap(\.backward)

      // 4. Optimiser, and what follows it.
      try task.update(&report, gradientNorm: squares.squareRoot())
      watch.lap(\.update)
    } catch {
      try before.restore()
      throw error
    }
  }
}
