// What a trainer needs to know of a task: where its batches come from, what it loses on one, how it
// moves its weights, and what of it a checkpoint keeps. Pretraining and detectors are tasks.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlStore

package protocol TrainingTask: AnyObject {
  associatedtype Batch
  associatedtype Report: TaskReport

  var engine: any Engine { get }
  var settings: RunSettings { get }
  var totalSteps: Int { get }  // of the whole schedule
  var stepsPerEpoch: Int { get }
  var dataset: DatasetReader? { get }
  /// Every tensor that a checkpoint keeps of the networks, under full names.
  var state: ModuleContents { get }
  /// What the optimiser moves, and its momentum.
  var trained: [NamedParameter] { get }
  var momentum: [MomentumBuffer] { get }

  /// The dataset's batch of a step, counted from 0.
  func batch(step: Int) throws(ScrlError) -> Batch
  /// The report of a step before it is done: `didStep` says whether the batch can be learnt from.
  func report(on batch: Batch, step: Int) throws(ScrlError) -> Report
  /// The forward passes; the losses go into the report. One that is not finite is an error.
  func lose(
    on batch: Batch, _ report: inout Report, _ pass: Pass, _ watch: inout StepWatch
  ) throws(ScrlError)
  /// The optimiser's step with the gradients of now, and what follows it (a moving average, a queue).
  /// - Parameter gradientNorm: over all parameters that are trained.
  func update(_ report: inout Report, gradientNorm: Double) throws(ScrlError)
  /// After a step that was done or skipped: what the log should say of it.
  func finished(_ report: Report, batch: Batch)

  /// A checkpoint in three parts, around what every task writes alike.
  func writeModel(to writer: CheckpointWriter) throws(ScrlError)
  func writeProgress(step: Int, skipped: Int, to writer: CheckpointWriter) throws(ScrlError)
  func writeDataset(to writer: CheckpointWriter) throws(ScrlError)
  /// Refuses a checkpoint of another kind.
  static func requireKind(_ reader: CheckpointReader) throws(ScrlError)
}

/// What a step did.
package protocol TaskReport: Sendable {
  var didStep: Bool { get }
  var step: Int { get }  // steps done, this one included
  var stepsSkipped: Int { get set }  // of the run so far: nothing to learn from in their batch
  var seconds: Double { get set }
  var waitSeconds: Double { get set }
  /// The columns of a checkpoint's metrics. No durations: the checkpoint of a resumed run has the
  /// same bytes as an unbroken one's.
  static var columns: [String] { get }
  var row: [Double] { get }
  /// One line of metrics.jsonl, without its newline. "step" comes first: resuming relies on it.
  /// - Parameter batch: images that a step asks for.
  func jsonLine(batch: Int) -> String
}

/// What a run needs of its config.
package struct RunSettings: Sendable {
  package var batch: Int  // images that a step asks for
  package var checkpointEvery: Int  // steps; 0: an epoch
  package var checkpointKeep: Int  // numbered ones
  package var checkpointMinutes: Double  // 0: the first only

  package init(
    batch: Int, checkpointEvery: Int, checkpointKeep: Int, checkpointMinutes: Double
  ) {
    self.batch = batch
    self.checkpointEvery = checkpointEvery
    self.checkpointKeep = checkpointKeep
    self.checkpointMinutes = checkpointMinutes
  }
}
