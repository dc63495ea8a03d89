// Images without objects in a detector's training: which they are, and what they teach.

import ScrlAutograd
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlPretraining
import ScrlNN
import ScrlStore
import ScrlTensor
import TestSupport
import Testing
import ScrlTraining

@testable import ScrlDetection

/// Six pictures: 1 and 2 without a box, 3 with crowds alone, 4 with a difficult box and one without
/// a class.
private func place() throws -> TrainingPlace {
  try TrainingPlace { index, boxes in
    switch index {
    case 1, 2: boxes = []
    case 3: for i in boxes.indices { boxes[i].flags = .crowd }
    case 4:
      boxes[0].flags = .difficult
      boxes[1].label = -1
    default: break
    }
  }
}

@Suite("Images without objects")
struct EmptyImageTests {
  @Test("are those without any box; crowds, difficult boxes and boxes without a class are things")
  func samples() throws {
    let reader = try place().reader()
    let without = try DetectionSamples(reader)
    #expect(without.images == [0, 5] && !without.takesEmpty)
    let with = try DetectionSamples(reader, empty: true)
    #expect(with.images == [0, 1, 2, 5] && with.takesEmpty)
    for samples in [without, with] {
      #expect((samples.emptyCount, samples.vagueCount, samples.boxCount) == (2, 2, 4))
    }
    #expect(with.fingerprint == without.fingerprint)
  }

  @Test("make steps of their own, and a resumed run has the bytes of an unbroken one")
  func training() throws {
    let place = try place()
    func begin() throws -> Trainer<DetectorTraining> {
      try place.run { ($0.empty, $0.batch, $0.steps) = (true, 1, 4) }
    }
    let whole = try begin()
    var boxes: [Int] = []
    try whole.run(steps: 0) { report in
      boxes.append(report.boxes)
      #expect(report.didStep && report.skipped == 0 && report.losses.total.isFinite)
      #expect(report.boxes > 0 || report.losses.rpnBox == 0 && report.losses.box == 0)
      #expect(report.boxes > 0 || report.losses.mask == 0 && report.losses.rpnObjectness > 0)
      return true
    }
    #expect(boxes.sorted() == [0, 0, 2, 2])
    try whole.save(place.path("whole.h5"))
    let first = try begin()
    try first.run(steps: 2) { _ in true }
    try first.save(place.path("part.h5"))
    let second = try Trainer<DetectorTraining>(
      resuming: place.path("part.h5"), dataset: nil, makeEngine: tinyEngine)
    #expect(second.task.samples.images == [0, 1, 2, 5])
    try second.run(steps: 0) { _ in true }
    try second.save(place.path("joined.h5"))
    #expect(try fileBytes(place.path("joined.h5")) == fileBytes(place.path("whole.h5")))
  }

  @Test("are left out by configs from before there was the key")
  func oldConfigs() throws {
    var config = Config()
    config.detect.empty = true
    let text = config.text(shapingResult: true, detector: true)
    #expect(text.contains("detect.empty = true\n"))
    var old = Config()
    try old.merge(text: text.replacing("detect.empty = true\n", with: ""))
    #expect(!old.detect.empty)
  }

  // Sums of some hundreds of float32 terms of one sign, in another order on each side: 1e-5 of them.
  @Test("count in what the losses are means over, as in Detectron2, and change nothing else")
  func normalisation() throws {
    let scene = try shapesScene()
    let network = try tinyDetector(tinyOptions(), try testEngine())
    let proposed = (0..<3).map { image in
      (0..<8).map { k in
        let (x, y) = (Float(k % 4) * 9 + Float(image), Float(k / 4) * 11)
        return PixelBox(x0: x, y0: y, x1: x + 20, y1: y + 22)
      }
    }
    let images = try Tensor(zeros: [3, 3, 64, 64])
    images.pointer.update(from: scene.images.pointer, count: scene.images.count)
    func losses(_ count: Int) throws -> DetectionLosses {
      let tape = Tape()
      return try network.losses(
        count == 2 ? scene.images : images,
        sizes: scene.sizes + (count == 2 ? [] : [(height: 64, width: 64)]),
        targets: scene.targets + (count == 2 ? [] : [ImageTargets(boxes: [], labels: [])]),
        proposals: Array(proposed.prefix(count)), address: (seed: 1, step: 0),
        Pass(engine: network.engine, tape: tape, mode: .training))
    }
    let (two, three) = (try losses(2), try losses(3))
    func near(_ got: Double, _ want: Double) -> Bool { abs(got - want) < 1e-5 * want }
    #expect(two.rpnBox > 0 && two.box > 0 && two.mask > 0)
    #expect(near(three.rpnBox, two.rpnBox * 2 / 3))  // over the anchors of all images
    // Over the regions of all images: 8 proposals each, and the objects' own boxes.
    let regions = Double(16 + scene.targets.reduce(0) { $0 + $1.boxes.count })
    #expect(near(three.box, two.box * regions / (regions + 8)))
    #expect(near(three.mask, two.mask))  // over the objects' cells
    #expect(three.rpnObjectness > two.rpnObjectness * 2 / 3)
  }
}
