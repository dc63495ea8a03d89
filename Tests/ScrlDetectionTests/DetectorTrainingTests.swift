import Foundation
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlPretraining
import ScrlNN
import ScrlStore
import ScrlTensor
import Testing
import ScrlTraining

@testable import ScrlDetection

@Suite("Detector training")
struct DetectorTrainingTests {
  @Test("a run that stops, saves and resumes ends with the bytes of an unbroken one")
  func resumes() throws {
    let place = try TrainingPlace()
    let whole = try place.run()
    try whole.run(steps: 0) { _ in true }
    try whole.save(place.path("whole.h5"))

    let first = try place.run()
    try first.run(steps: 2) { _ in true }
    try first.save(place.path("part.h5"))
    let second = try Trainer<DetectorTraining>(
      resuming: place.path("part.h5"), dataset: nil, makeEngine: tinyEngine)
    #expect(second.stepsDone == 2)
    try second.run(steps: 0) { _ in true }
    try second.save(place.path("joined.h5"))
    #expect(try fileBytes(place.path("joined.h5")) == fileBytes(place.path("whole.h5")))
  }

  @Test("loader threads do not show in the weights")
  func loaderThreads() throws {
    let place = try TrainingPlace()
    var results: [[[Float]]] = []
    for threads in [1, 3] {
      let run = try place.run(loaderThreads: threads)
      try run.run(steps: 3) { _ in true }
      results.append(try weights(run.task.detector))
    }
    #expect(results[0] == results[1])
  }

  @Test("every loss falls on two pictures that are seen again and again")
  func learns() throws {
    let place = try TrainingPlace(images: 2)
    let run = try place.run { ($0.steps, $0.flips, $0.baseRate) = (40, false, 0.08) }
    let first = try run.step().losses
    var last = first
    try run.run(steps: 0) {
      last = $0.losses
      return true
    }
    #expect(last.rpnObjectness < first.rpnObjectness)
    #expect(last.classification < 0.5 * first.classification)
    #expect(last.mask < first.mask)
    #expect(last.total < 0.7 * first.total)
  }

  @Test("frozen stages and norms keep every value; a trained norm moves its statistics")
  func freezing() throws {
    let place = try TrainingPlace()
    for (norm, freezeAt) in [(DetectConfig.Norm.frozen, 2), (.trained, 0)] {
      let run = try place.run { ($0.norm, $0.freezeAt) = (norm, freezeAt) }
      let state = run.task.detector.state.state
      let before = try weights(run.task.detector)
      _ = try run.step()
      for (entry, (old, new)) in zip(state, zip(before, try weights(run.task.detector))) {
        let isNorm = entry.name.contains("bn") || entry.name.contains("downsample.1")
        let isFrozen =
          freezeAt == 2
          && (entry.name.hasPrefix("encoder.conv1") || entry.name.hasPrefix("encoder.layer1")
            || isNorm)
        #expect((old == new) == isFrozen, "\(entry.name), norm \(norm)")
      }
    }
  }

  @Test("the encoder of a pretrained checkpoint is taken over, another architecture refused")
  func pretrained() throws {
    let place = try TrainingPlace()
    var config = Preset.standard.config
    (config.headHidden, config.headOutput, config.seed) = (16, 8, 99)
    let backbone = try Backbone(config, engine: try tinyEngine(config))
    try backbone.save(place.path("backbone.h5"))
    let run = try place.run(weights: place.path("backbone.h5"))
    let name = "layer2.0.conv1.weight"
    let mine = run.task.detector.state.state.first { $0.name == "encoder." + name }
    let theirs = backbone.state.first { $0.name == "online.encoder." + name }
    #expect(try mine?.tensor.plain().array == theirs?.tensor.plain().array)

    config.architecture = .resnet50
    try Backbone(config, engine: try tinyEngine(config)).save(place.path("larger.h5"))
    #expect {
      _ = try place.run(weights: place.path("larger.h5"))
    } throws: { error in
      (error as? ScrlError)?.code == .config && "\(error)".contains("model.arch")
    }
  }

  @Test("a detector's weights start another one; heads of other classes stay fresh")
  func fromDetector() throws {
    let place = try TrainingPlace()
    let first = try place.run()
    _ = try first.step()
    try first.task.detector.save(place.path("two.h5"))
    let second = try place.run({ $0.classes = 5 }, weights: place.path("two.h5"))
    let (old, new) = (first.task.detector.state.state, second.task.detector.state.state)
    for (a, b) in zip(old, new) where a.tensor.plainShape == b.tensor.plainShape {
      #expect(try a.tensor.plain().array == b.tensor.plain().array, "\(a.name)")
    }
    let scores = try #require(new.first { $0.name == "box_predictor.scores.weight" })
    #expect(scores.tensor.plainShape[0] == 6)
    #expect(try scores.tensor.plain().array.contains { $0 != 0 })
  }

  @Test("a saved detector finds what the trained one finds")
  func saves() throws {
    let place = try TrainingPlace()
    let run = try place.run { ($0.steps, $0.scoreThreshold) = (4, 0) }
    try run.run(steps: 0) { _ in true }
    try run.save(place.path("run.h5"))
    let loaded = try Detector.load(place.path("run.h5"), makeEngine: tinyEngine)
    #expect(loaded.classes == run.task.detector.classes)
    #expect(loaded.classes.name(of: 1) == "wide" && loaded.classes.categoryID(of: 1) == 2)
    let image = try decoded(try place.reader(), 0)
    let (a, b) = (try run.task.detector.detect(image), try loaded.detect(image))
    #expect(!a.isEmpty && a.map(\.box) == b.map(\.box) && a.map(\.score) == b.map(\.score))
    #expect(a.map(\.mask) == b.map(\.mask))
  }

  @Test("detections are in pixels of the picture, whatever its size")
  func pictures() throws {
    let place = try TrainingPlace()
    let run = try place.run { $0.scoreThreshold = 0 }
    for (height, width) in [(30, 200), (200, 30), (1, 1), (64, 64)] {
      let found = try run.task.detector.detect(RGBImage(width: width, height: height))
      for each in found {
        #expect(each.box.x0 >= 0 && each.box.x1 <= Float(width))
        #expect(each.box.y0 >= 0 && each.box.y1 <= Float(height))
        #expect((each.mask?.height, each.mask?.width) == (height, width))
      }
    }
  }

  @Test(
    "outputs that are no numbers are an error, not an empty picture",
    arguments: [
      "encoder.conv1.weight", "rpn.objectness.weight", "box_predictor.scores.weight",
      "box_predictor.deltas.weight", "mask_head.predictor.weight",
    ])
  func notFinite(name: String) throws {
    let detector = try TrainingPlace().run { $0.scoreThreshold = 0 }.task.detector
    let entry = try #require(
      detector.state.state.first { $0.name == name }, "\(detector.state.state.map(\.name))")
    let nan = [Float](repeating: .nan, count: entry.tensor.plainCount)
    try nan.withUnsafeBufferPointer { try entry.tensor.writePlain(from: $0) }
    #expect {
      _ = try detector.detect(RGBImage(width: 64, height: 64))
    } throws: { ($0 as? ScrlError)?.code == .diverged }
  }

  @Test("measuring leaves out what cannot be read, with its objects, and says so")
  func unreadable() throws {
    let place = try TrainingPlace(images: 3)
    let detector = try place.run { $0.scoreThreshold = 0.3 }.task.detector
    let whole = try detector.measure(try place.reader(), masks: true, results: nil) { _, _ in true }
    #expect(whole.images == 3 && whole.leftOut == 0)
    let torn = try TrainingPlace(images: 3, tornImage: 1)
    var heard: [Int] = []
    let made = try detector.measure(
      try torn.reader(), masks: true, results: nil
    ) { done, _ in
      heard.append(done)
      return true
    }
    #expect(made.images == 2 && made.leftOut == 1 && made.objects == whole.objects - 2)
    #expect(heard == [1, 2, 3])
  }

  @Test("weights that overflow stop the step and change nothing")
  func divergence() throws {
    let place = try TrainingPlace()
    let run = try place.run()
    let name = "rpn.conv.weight"
    let entry = try #require(run.task.detector.state.state.first { $0.name == name })
    let huge = [Float](repeating: 3e38, count: entry.tensor.plainCount)
    try huge.withUnsafeBufferPointer { try entry.tensor.writePlain(from: $0) }
    let before = try weights(run.task.detector)
    #expect {
      _ = try run.step()
    } throws: { ($0 as? ScrlError)?.code == .diverged }
    #expect(try weights(run.task.detector) == before)
    #expect(run.stepsDone == 0)
  }

  @Test("a gradient longer than detect.clip is shortened to it")
  func clipping() throws {
    let place = try TrainingPlace()
    // Without momentum and decay a first step moves the weights by rate · gradient.
    let run = try place.run {
      ($0.clip, $0.momentum, $0.weightDecay, $0.warmupSteps) = (0.25, 0, 0, 0)
    }
    let trained = run.task.detector.network.trained
    let before = try trained.map { try $0.parameter.plain().array }
    let report = try run.step()
    #expect(report.gradientNorm > 0.25)
    var sum = 0.0
    for (entry, old) in zip(trained, before) {
      for (a, b) in zip(try entry.parameter.plain().array, old) {
        sum += Double(a - b) * Double(a - b)
      }
    }
    // Weights near 1 keep differences to 6e-8 each; the longest is rate · 0.25 = 1.25e-3.
    #expect(abs(sum.squareRoot() / (report.learningRate * 0.25) - 1) < 0.02)
  }

  @Test("a run leaves checkpoints and a line per step; another dataset is refused")
  func folder() throws {
    let place = try TrainingPlace()
    let folder = place.path("run")
    do {
      let run = try place.run(folder: folder)
      #expect {
        try run.run(steps: 0) { $0.step < 2 }
      } throws: { ($0 as? ScrlError)?.code == .cancelled }
      #expect {
        _ = try Trainer<DetectorTraining>(resuming: folder, dataset: nil, makeEngine: tinyEngine)
      } throws: { ($0 as? ScrlError)?.code == .state && "\($0)".contains("in use by") }
    }
    let lines = try String(contentsOfFile: folder + "/metrics.jsonl", encoding: .utf8)
      .split(separator: "\n")
    #expect(lines.count == 2 && lines[0].hasPrefix("{\"step\": 1, \"epoch\": 0, \"loss\": "))
    do {
      let resumed = try Trainer<DetectorTraining>(
        resuming: folder, dataset: nil, makeEngine: tinyEngine)
      #expect(resumed.stepsDone == 2)
    }
    let other = try TrainingPlace { index, boxes in if index == 0 { boxes.removeLast() } }
    #expect {
      _ = try Trainer<DetectorTraining>(
        resuming: folder, dataset: try other.reader(), makeEngine: tinyEngine)
    } throws: { ($0 as? ScrlError)?.code == .data }
    #expect(throws: ScrlError.self) { _ = try place.run(folder: folder) }
  }

  @Test("checkpoints of another kind are told apart by name")
  func otherKinds() throws {
    let place = try TrainingPlace()
    let config = Preset.standard.config
    try Backbone(config, engine: try tinyEngine(config)).save(place.path("backbone.h5"))
    #expect {
      _ = try Detector.load(place.path("backbone.h5"), makeEngine: tinyEngine)
    } throws: { ($0 as? ScrlError)?.code == .format && "\($0)".contains("no detector") }
    let run = try place.run()
    try run.task.detector.save(place.path("inference.h5"))
    #expect {
      _ = try Trainer<DetectorTraining>(
        resuming: place.path("inference.h5"), dataset: nil, makeEngine: tinyEngine)
    } throws: { ($0 as? ScrlError)?.code == .format }
    #expect {
      _ = try Backbone.load(place.path("inference.h5"), makeEngine: tinyEngine)
    } throws: { ($0 as? ScrlError)?.code == .format }
    try run.save(place.path("training.h5"))
    #expect {
      _ = try Trainer<Pretraining>(
        resuming: place.path("training.h5"), dataset: nil, makeEngine: tinyEngine)
    } throws: { ($0 as? ScrlError)?.code == .format && "\($0)".contains("detector") }
  }

  private func decoded(_ reader: DatasetReader, _ index: Int) throws -> RGBImage {
    var bytes: [UInt8] = []
    var image = RGBImage()
    try reader.readJPEG(index, into: &bytes)
    try bytes.decode(with: try JPEGCodec(), into: &image)
    return image
  }
}
