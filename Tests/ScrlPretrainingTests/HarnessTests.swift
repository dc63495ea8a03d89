// The harness by a task that is as small as one can be: it learns the mean of its batches, and keeps
// a queue of them.

import Foundation
import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlStore
import ScrlTensor
import ScrlTraining
import Testing

private struct ToyReport: TaskReport {
  var didStep: Bool
  var step: Int
  var loss = 0.0
  var stepsSkipped = 0
  var seconds = 0.0
  var waitSeconds = 0.0
  static let columns = ["step", "loss"]
  var row: [Double] { [Double(step), loss] }
  func jsonLine(batch: Int) -> String { "{\"step\": \(step), \"epoch\": 0, \"loss\": \(loss)}" }
}

private final class ToyTask: TrainingTask {
  let engine: any Engine
  let layer: Linear
  let queue: Buffer  // (4): the first number of the last batches
  let optimizer: SGD
  var failsAt = 0  // the step whose update throws
  let dataset: DatasetReader? = nil
  let settings = RunSettings(
    batch: 2, checkpointEvery: 2, checkpointKeep: 3, checkpointMinutes: 0)
  let (totalSteps, stepsPerEpoch) = (6, 3)

  init() throws(ScrlError) {
    engine = try OpenBLASEngine(workers: Workers(1))
    var source = WeightSource(engine: engine, seed: 3)
    layer = try Linear(name: "layer", inputs: 3, outputs: 2, bias: true, &source)
    queue = Buffer(name: "queue", try Tensor(zeros: [4]))
    var contents = ModuleContents()
    layer.collect(into: &contents, prefix: "")
    contents.add(queue, prefix: "")
    state = contents
    trained = contents.parameters
    optimizer = try SGD(
      trained, momentum: 0.9, weightDecay: 0, workers: engine.workers)
  }

  let state: ModuleContents
  let trained: [NamedParameter]
  var momentum: [MomentumBuffer] { optimizer.buffers }

  func batch(step: Int) throws(ScrlError) -> Tensor {
    var stream = RandomStream(seed: 9, sample: step, use: .test)
    let batch = try Tensor(zeros: [2, 3])
    for i in 0..<batch.count { batch.pointer[i] = Float(stream.uniform()) }
    return batch
  }

  func report(on batch: Tensor, step: Int) -> ToyReport {
    ToyReport(didStep: step != 2, step: step)  // the second has nothing to learn from
  }

  func lose(
    on batch: Tensor, _ report: inout ToyReport, _ pass: Pass, _ watch: inout StepWatch
  ) throws(ScrlError) {
    let logits = try layer.forward(Activation(batch), pass)
    report.loss = try pass.crossEntropyLoss(logits, labels: [0, 1])
    let pointer = queue.value.pointer
    for i in 0..<3 { pointer[i] = pointer[i + 1] }
    pointer[3] = batch.pointer[0]
  }

  func update(_ report: inout ToyReport, gradientNorm: Double) throws(ScrlError) {
    guard report.step != failsAt else { throw ScrlError(.diverged, "as planned") }
    try optimizer.step(rate: 0.1)
  }

  func finished(_ report: ToyReport, batch: Tensor) {}

  func writeModel(to writer: CheckpointWriter) throws(ScrlError) {
    try writer.write(CheckpointPlace.model, state.state.map { ($0.name, $0.tensor) })
  }

  func writeProgress(step: Int, skipped: Int, to writer: CheckpointWriter) throws(ScrlError) {
    try writer.write(CheckpointPlace.stepsSkipped, integer: Int64(skipped))
  }

  func writeDataset(to writer: CheckpointWriter) {}

  static func requireKind(_ reader: CheckpointReader) {}

  var values: [[Float]] {
    get throws { try state.state.map { try $0.tensor.plain().array } }
  }
}

@Suite("Harness")
struct HarnessTests {
  let place: Workplace
  init() throws { place = try Workplace(images: 1) }

  @Test("a task that is stopped and resumed ends with the bytes of an unbroken one, its queue too")
  func resumes() throws {
    let whole = try Trainer(try ToyTask(), folder: place.path("whole"))
    try whole.run(steps: 0) { _ in true }
    let first = try Trainer(try ToyTask(), folder: place.path("joined"))
    #expect(throws: ScrlError.self) { try first.run(steps: 0) { $0.step < 3 } }
    let second = try Trainer(resuming: place.path("joined") + "/checkpoint.h5") {
      _ throws(ScrlError) in try ToyTask()
    }
    #expect(second.stepsDone == 3 && second.stepsSkipped == 1)
    try second.run(steps: 0) { _ in true }
    try second.save(place.path("joined.h5"))
    #expect(try second.task.values == whole.task.values)
    #expect(
      try contents("joined.h5") == contents("whole/checkpoint.h5"))
  }

  private func contents(_ name: String) throws -> [UInt8] {
    try Array(Data(contentsOf: URL(fileURLWithPath: place.path(name))))
  }

  @Test("a step that fails at its very end leaves weights and queue as they were")
  func rollsBack() throws {
    let trainer = try Trainer(try ToyTask(), folder: nil)
    _ = try trainer.step()
    _ = try trainer.step()
    let before = try trainer.task.values
    trainer.task.failsAt = 3
    #expect(throws: ScrlError.self) { try trainer.step() }
    #expect(try trainer.task.values == before && trainer.stepsDone == 2)
    trainer.task.failsAt = 0
    #expect(try trainer.step().step == 3)
    #expect(try trainer.task.values != before)
  }
}
