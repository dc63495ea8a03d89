// Supervised training, the online probe, pool size, and steps with nothing to learn from.

import ScrlBase
import ScrlKernels
import ScrlTensor
import Testing
import ScrlTraining

@testable import ScrlPretraining

private func value(_ run: Trainer<Pretraining>, _ name: String) throws -> [Float] {
  let entry = try #require(run.task.state.state.first { $0.name == name })
  return try entry.tensor.plain().array
}

private func noise(_ images: Int, side: Int = 32, tag: UInt64 = 1) throws -> Tensor {
  var stream = RandomStream(seed: tag, use: .test)
  let count = images * 3 * side * side
  return try Tensor(
    (0..<count).map { _ in Float(stream.uniform(in: -1...1)) }, shape: [images, 3, side, side])
}

private func batch(
  _ run: Trainer<Pretraining>, labels: [Int]?, boxesPerImage: Int = 2
) throws -> Batch {
  let images = labels?.count ?? 2
  var boxes: [RegionBox] = []
  for image in 0..<images {
    for place in 0..<boxesPerImage {
      let left = Float(2 + 6 * place)
      boxes.append(RegionBox(image: image, x0: left, y0: 3, x1: left + 14, y1: 25))
    }
  }
  return try Batch(
    view1: noise(images), view2: noise(images, tag: 2), boxes1: boxes, boxes2: boxes,
    labels: labels, engine: run.task.engine)
}

@Suite("Supervised")
struct SupervisedTests {
  @Test("a network learns the labels of its images, from the dataset")
  func learns() throws {
    let place = try Workplace(labels: { Int32($0 % 3) })
    let run = try place.run {
      ($0.method, $0.baseRate, $0.rateRule, $0.steps) = (.supervised, 0.01, .none, 12)
      ($0.augmentation, $0.epochs, $0.roiStage) = (.none, 4, .layer4)
    }
    #expect(run.task.config.classes == 3)
    var losses: [Double] = []
    try run.run(steps: 0) { report in
      losses.append(report.loss)
      return report.didStep && report.boxes == 4 && (0...1).contains(report.accuracy)
    }
    #expect(losses.count == 12 && losses[11] < losses[0] / 2)
    #expect(try value(run, "classifier.weight").count == 3 * 512)
    #expect(!run.task.state.state.contains { $0.name.hasPrefix("target.") })
  }

  @Test("its optimiser is plain SGD: weight decay moves every parameter, no trust ratio")
  func plainSGD() throws {
    let place = try Workplace(labels: { Int32($0 % 2) })
    var steps: [[Float]] = []
    for decay in [0.0, 0.5] {
      let run = try place.run {
        ($0.method, $0.weightDecay, $0.baseRate, $0.rateRule) = (.supervised, decay, 0.1, .none)
        ($0.steps, $0.warmupEpochs) = (20, 0)
      }
      let name = "online.encoder.bn1.weight"  // starts at 1
      let before = try value(run, name)
      let report = try run.step(on: try batch(run, labels: [0, 1]))
      steps.append(zip(try value(run, name), before).map { $0 - $1 })
      #expect(report.learningRate > 0.09)
      if decay > 0 {
        // Δ(decay) − Δ(0) = −rate · decay · 1, rounded at values near 1.
        for (with, without) in zip(steps[1], steps[0]) {
          #expect(abs(with - without + Float(report.learningRate * decay)) < 1e-6)
        }
      }
    }
  }

  @Test("unlabelled images have no part; a batch of them is counted and learns nothing")
  func unlabelled() throws {
    let place = try Workplace(labels: { Int32($0 % 2) })
    let run = try place.run { $0.method = .supervised }
    let mixed = try run.step(on: try batch(run, labels: [0, -1, 1]))
    #expect(mixed.boxes == 2 && mixed.skipped == 1 && mixed.didStep)
    let before = try weights(run)
    let none = try run.step(on: try batch(run, labels: [-1, -1]))
    #expect(!none.didStep && none.stepsSkipped == 1 && none.accuracy.isNaN)
    #expect(try weights(run) == before)
  }

  @Test("missing, excessive and contradictory labels are refused")
  func refusals() throws {
    let bare = try Workplace()
    #expect {
      _ = try bare.run { $0.method = .supervised }
    } throws: { ($0 as? ScrlError)?.code == .data && "\($0)".contains("no labels") }
    let place = try Workplace(labels: { Int32($0 % 3) })
    #expect(throws: ScrlError.self) {
      _ = try place.run { ($0.method, $0.classes) = (.supervised, 2) }
    }
    let run = try place.run { $0.method = .supervised }
    for labels in [nil, [0, 3]] as [[Int]?] {
      #expect {
        _ = try run.step(on: try batch(run, labels: labels))
      } throws: { ($0 as? ScrlError)?.code == .argument }
    }
    var config = smallConfig()
    config.method = .supervised
    #expect(throws: ScrlError.self) {
      _ = try Trainer<Pretraining>(
        config, dataset: nil, folder: nil, engine: try testEngine(config))
    }
  }

  @Test("a supervised run resumes to the bytes of an unbroken one")
  func resumes() throws {
    let place = try Workplace(labels: { Int32($0 % 2) })
    let change: (inout Config) -> Void = { ($0.method, $0.steps) = (.supervised, 4) }
    let whole = try place.run(change)
    try whole.run(steps: 0) { _ in true }
    let first = try place.run(change)
    try first.run(steps: 2) { _ in true }
    try first.save(place.path("part.h5"))
    let second = try place.resume(place.path("part.h5"))
    try second.run(steps: 0) { _ in true }
    for (name, run) in [("whole.h5", whole), ("joined.h5", second)] {
      try run.save(place.path(name))
    }
    #expect(try fileBytes(place.path("joined.h5")) == fileBytes(place.path("whole.h5")))
  }
}

@Suite("Online probe")
struct ProbeTests {
  @Test(
    "the probe learns beside SCRL and BYOL without moving them", arguments: [Method.scrl, .byol])
  func detached(method: Method) throws {
    let place = try Workplace(labels: { Int32($0 % 3) })
    var results: [[[Float]]] = []
    for probe in [false, true] {
      let run = try place.run { ($0.method, $0.probeOnline) = (method, probe) }
      let report = try run.step(on: try batch(run, labels: [0, 2, 1]))
      #expect(report.accuracy.isNaN == !probe)
      #expect(probe == (report.probeLoss > 0))
      if probe { #expect(try value(run, "probe.bias").contains { $0 != 0 }) }
      results.append(
        try run.task.state.state.filter { !$0.name.hasPrefix("probe.") }
          .map { try $0.tensor.plain().array })
    }
    #expect(results[0] == results[1])
  }

  @Test("it is refused with supervised training, and without labels")
  func refusals() throws {
    let place = try Workplace()
    #expect(throws: ScrlError.self) { _ = try place.run { $0.probeOnline = true } }
    var config = smallConfig()
    (config.method, config.probeOnline, config.classes) = (.supervised, true, 3)
    #expect(throws: ScrlError.self) { try config.check() }
  }
}

@Suite("Regions")
struct RegionTests {
  @Test("the P×P cells of a box are flattened into the projector, channel by channel")
  func poolSize() throws {
    let place = try Workplace()
    let run = try place.run { $0.roiPoolSize = 2 }
    #expect(try value(run, "online.projector.fc1.weight").count == 16 * 128 * 4)
    #expect(try run.step().didStep)
    // A region embedding stays one cell long.
    try run.save(place.path("run.h5"))
    let backbone = try Backbone.load(place.path("run.h5"), makeEngine: testEngine)
    #expect(backbone.regionSize == 128)
  }

  @Test("the number of steps without a box survives a save, and goes on from there")
  func skippedSteps() throws {
    let place = try Workplace()
    let run = try place.run()
    _ = try run.step(on: try batch(run, labels: nil, boxesPerImage: 0))
    #expect(try run.step(on: try batch(run, labels: nil)).stepsSkipped == 1)
    try run.save(place.path("run.h5"))
    let resumed = try place.resume(place.path("run.h5"))
    let report = try resumed.step(on: try batch(resumed, labels: nil, boxesPerImage: 0))
    #expect(report.stepsSkipped == 2 && report.loss == 0 && !report.didStep)
  }
}
