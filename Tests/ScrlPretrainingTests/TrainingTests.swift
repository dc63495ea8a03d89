import Foundation
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlStore
import ScrlTensor
import Testing
import ScrlTraining

@testable import ScrlPretraining

@Suite("Training")
struct TrainingTests {
  @Test("a run that stops, saves and resumes ends with the bytes of an unbroken one")
  func resumes() throws {
    let place = try Workplace()
    let whole = try place.run()
    try whole.run(steps: 0) { _ in true }
    try whole.save(place.path("whole.h5"))

    let first = try place.run()
    try first.run(steps: 2) { _ in true }
    try first.save(place.path("part.h5"))
    let second = try place.resume(place.path("part.h5"))
    #expect(second.stepsDone == 2)
    try second.run(steps: 0) { _ in true }
    try second.save(place.path("joined.h5"))
    #expect(
      try fileBytes(place.path("joined.h5")) == fileBytes(place.path("whole.h5")))
  }

  @Test("loader threads and prefetch do not show in the weights")
  func loaderThreads() throws {
    let place = try Workplace()
    var results: [[[Float]]] = []
    for threads in [1, 3] {
      let run = try place.run { ($0.loaderThreads, $0.loaderPrefetch) = (threads, threads) }
      try run.run(steps: 3) { _ in true }
      results.append(try weights(run))
    }
    #expect(results[0] == results[1])
  }

  @Test("views that are not finite stop the step and change nothing")
  func divergence() throws {
    let place = try Workplace()
    let run = try place.run()
    let before = try weights(run)
    let bad = try Tensor([Float](repeating: .nan, count: 2 * 3 * 32 * 32), shape: [2, 3, 32, 32])
    let boxes = (0..<2).map { RegionBox(image: $0, x0: 4, y0: 4, x1: 20, y1: 20) }
    let batch = try Batch(
      view1: bad, view2: bad, boxes1: boxes, boxes2: boxes, engine: run.task.engine)
    #expect {
      _ = try run.step(on: batch)
    } throws: { error in
      (error as? ScrlError)?.code == .diverged && "\(error)".contains("step 1")
    }
    #expect(try weights(run) == before)
    #expect(run.stepsDone == 0)
    #expect(try run.step().didStep)
  }

  @Test("an infinite gradient under a finite loss stops the step and changes nothing")
  func infiniteGradient() throws {
    let place = try Workplace()
    let run = try place.run()
    // q = W·h with W = 0 is finite; its gradient by W is about 10¹² · h, beyond Float32.
    for (name, value) in [("predictor.fc2.weight", 0), ("predictor.bn.weight", Float(1e30))] {
      let tensor = try #require(run.task.state.state.first { $0.name == name }).tensor
      let values = [Float](repeating: value, count: tensor.plainCount)
      try values.withUnsafeBufferPointer { try tensor.writePlain(from: $0) }
    }
    let before = try weights(run)
    #expect {
      _ = try run.step()
    } throws: { error in
      (error as? ScrlError)?.code == .diverged && "\(error)".contains("predictor.fc2.weight")
    }
    #expect(try weights(run) == before)
  }

  @Test("steps on a host's views and on the dataset may alternate")
  func alternate() throws {
    let place = try Workplace()
    let run = try place.run()
    #expect(try run.step().step == 1)
    let views = try Tensor(zeros: [1, 3, 32, 32])
    let batch = try Batch(
      view1: views, view2: views, boxes1: [], boxes2: [], engine: run.task.engine)
    #expect(try run.step(on: batch).step == 2)
    #expect(try run.step().step == 3)
  }

  @Test("a batch without boxes is counted and learns nothing")
  func noBoxes() throws {
    let place = try Workplace()
    let run = try place.run()
    let before = try weights(run)
    let views = try Tensor(zeros: [2, 3, 32, 32])
    let batch = try Batch(
      view1: views, view2: views, boxes1: [], boxes2: [], engine: run.task.engine)
    let report = try run.step(on: batch)
    #expect(!report.didStep && report.skipped == 2 && report.step == 1)
    #expect(try weights(run) == before)
  }

  @Test("the target follows the online network by 1 − m, parameters only")
  func targetUpdate() throws {
    let place = try Workplace()
    let run = try place.run { $0.emaMomentum = 0.5 }
    let target = try #require(
      run.task.state.state.first { $0.name == "target.projector.fc2.weight" })
    let online = try #require(
      run.task.state.state.first { $0.name == "online.projector.fc2.weight" })
    let before = try target.tensor.plain().array
    let report = try run.step()
    let (now, moved) = (try target.tensor.plain().array, try online.tensor.plain().array)
    let m = Float(report.emaMomentum)
    for i in now.indices {
      // Two products and a sum in Float32: a few units in the last place of the values.
      #expect(abs(now[i] - (m * before[i] + (1 - m) * moved[i])) <= 1e-6)
    }
  }

  @Test("BYOL learns from whole views, one pair an image")
  func byol() throws {
    let place = try Workplace()
    let run = try place.run { $0.method = .byol }
    let report = try run.step()
    #expect(report.didStep && report.boxes == 4)
    #expect(report.loss > 0 && report.loss <= 8)
  }

  @Test("a damaged image leaves its batch and is counted")
  func damagedImage() throws {
    let place = try Workplace(images: 4)
    var bytes = try fileBytes(place.data)
    let start = try #require(bytes.range(of: Data([0xFF, 0xD8, 0xFF]))).lowerBound
    bytes[start + 100] ^= 0x55
    try bytes.write(to: URL(fileURLWithPath: place.data))
    let run = try place.run { $0.method = .byol }
    let report = try run.step()
    #expect(report.skipped == 1 && report.boxes == 3)
  }

  @Test("a dataset smaller than a batch is refused")
  func tooSmall() throws {
    let place = try Workplace(images: 3)
    #expect(throws: ScrlError.self) { _ = try place.run() }
  }
}

@Suite("Run folder")
struct RunFolderTests {
  @Test("a run leaves numbered checkpoints, the newest under its own name, and a line per step")
  func files() throws {
    let place = try Workplace()
    let folder = place.path("a/run")
    let run = try place.run({ ($0.checkpointEvery, $0.checkpointKeep) = (1, 2) }, folder: folder)
    try run.run(steps: 3) { _ in true }
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    #expect(
      names == [
        ".lock", "checkpoint-00000002.h5", "checkpoint-00000003.h5", "checkpoint.h5",
        "metrics.jsonl",
      ])
    let lines = try String(contentsOfFile: folder + "/metrics.jsonl", encoding: .utf8)
      .split(separator: "\n")
    #expect(lines.count == 3)
    #expect(throws: ScrlError.self) { _ = try place.run(folder: folder) }
  }

  @Test("stopping saves; resuming cuts what was written after the checkpoint")
  func stopAndResume() throws {
    let place = try Workplace()
    let folder = place.path("run")
    do {
      let run = try place.run(folder: folder)
      #expect {
        try run.run(steps: 0) { $0.step < 2 }
      } throws: { ($0 as? ScrlError)?.code == .cancelled }
      _ = try run.step()  // a line beyond the checkpoint
      #expect {
        _ = try place.resume(folder)
      } throws: { ($0 as? ScrlError)?.code == .state && "\($0)".contains("in use by") }
    }

    let resumed = try place.resume(folder)
    #expect(resumed.stepsDone == 2)
    let lines = try String(contentsOfFile: folder + "/metrics.jsonl", encoding: .utf8)
      .split(separator: "\n")
    #expect(lines.count == 2)
  }

  @Test("a damaged newest checkpoint is passed over for the one before")
  func damagedCheckpoint() throws {
    let place = try Workplace()
    let folder = place.path("run")
    do {
      let run = try place.run({ $0.checkpointEvery = 1 }, folder: folder)
      try run.run(steps: 2) { _ in true }
    }
    for name in ["checkpoint.h5", "checkpoint-00000002.h5"] {
      var bytes = try fileBytes(folder + "/" + name)
      bytes[bytes.count / 2] ^= 0xFF
      try FileManager.default.removeItem(atPath: folder + "/" + name)
      try bytes.write(to: URL(fileURLWithPath: folder + "/" + name))
    }
    #expect(try place.resume(folder).stepsDone == 1)
  }

  @Test("another dataset than the run's is refused")
  func otherDataset() throws {
    let place = try Workplace()
    let other = try Workplace(images: 13)
    let run = try place.run()
    _ = try run.step()
    try run.save(place.path("run.h5"))
    #expect(throws: ScrlError.self) {
      _ = try Trainer<Pretraining>(
        resuming: place.path("run.h5"), dataset: try other.reader(), makeEngine: testEngine)
    }
  }

  @Test("the backbone of a checkpoint gives the features of the trainer's weights")
  func backbone() throws {
    let place = try Workplace()
    let run = try place.run()
    _ = try run.step()
    try run.save(place.path("run.h5"))
    let backbone = try Backbone.load(place.path("run.h5"), makeEngine: testEngine)
    let trained = run.task.state.state.first { $0.name == "online.encoder.conv1.weight" }
    let loaded = backbone.state.first { $0.name == "online.encoder.conv1.weight" }
    #expect(try trained?.tensor.plain().array == loaded?.tensor.plain().array)
    let images = try Tensor([Float](repeating: 0.5, count: 2 * 3 * 32 * 32), shape: [2, 3, 32, 32])
    let map = try backbone.features(images, stage: .layer4)
    #expect(map.shape == [2, 512, 1, 1])
    #expect(try backbone.featureShape(.layer4, images: 2, height: 32, width: 32) == map.shape)
    #expect(try backbone.embed(images).shape == [2, 128])
  }
}
