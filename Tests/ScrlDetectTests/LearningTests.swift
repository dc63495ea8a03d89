// A detector that has seen two pictures often enough finds what is in them.

import ScrlAutograd
import ScrlBase
import ScrlImage
import ScrlNN
import TestSupport
import Testing

@testable import ScrlDetect

@Suite("Learning to detect")
struct LearningTests {
  @Test("Two pictures are learnt: losses fall, and the objects are found with their masks")
  func overfit() throws {
    var options = tinyOptions()
    (options.frozenStages, options.norm) = (0, .trained)
    (options.anchorsPerImage, options.regionsPerImage) = (64, 64)
    let engine = try testEngine()
    let network = try tinyDetector(options, classes: 2, engine)
    let scene = try shapesScene()
    let contents = network.contents
    let optimiser = try LARS(
      network.trained, try LARSOptions(momentum: 0.9, weightDecay: 0, adapts: false),
      workers: engine.workers)
    var history: [DetectionLosses] = []
    for step in 0..<steps {
      contents.clearGradients()
      let tape = Tape()
      history.append(
        try network.losses(
          scene.images, sizes: scene.sizes, targets: scene.targets, address: (1, step),
          Pass(engine: engine, tape: tape, mode: .training)))
      try tape.backward(engine)
      try optimiser.step(rate: 0.02 * min(1, Double(step + 1) / 10))
    }
    let (first, last) = (history[0], history[steps - 1])
    #expect(last.total < first.total / 4, "\(first) → \(last)")
    #expect(last.classification < first.classification / 4, "\(last)")
    #expect(last.mask < first.mask / 2, "\(last)")

    let originals = scene.sizes.map { (height: 2 * $0.height, width: 3 * $0.width) }
    let found = try network.detect(scene.images, sizes: scene.sizes, original: originals)
    for (image, target) in scene.targets.enumerated() {
      for (place, box) in target.boxes.enumerated() {
        let wanted = box.scaled(x: 3, y: 2)
        let best = found[image].filter { $0.label == target.labels[place] }
          .max { overlap($0.box, wanted) < overlap($1.box, wanted) }
        let detection = try #require(best, "image \(image), object \(place)")
        #expect(overlap(detection.box, wanted) > 0.6, "\(detection.box) · \(wanted)")
        #expect(detection.score > 0.5)
        let mask = try #require(detection.mask)
        #expect(mask.height == originals[image].height && mask.width == originals[image].width)
        let original = try #require(target.masks[place])
        let area = Double(mask.area) / Double(original.area)
        #expect(area > 6 * 0.6 && area < 6 / 0.6, "\(area)")
      }
      #expect(found[image].map(\.score) == found[image].map(\.score).sorted(by: >))
    }
  }

  @Test("Detections of an image do not depend on what is beside it; scores and boxes are in bounds")
  func alone() throws {
    var options = tinyOptions()
    options.scoreThreshold = 0.2
    options.detectionsPerImage = 7
    let network = try tinyDetector(options, isHashed: true, try testEngine())
    let scene = try shapesScene()
    let both = try network.detect(scene.images, sizes: scene.sizes, original: scene.sizes)
    for image in 0..<2 {
      let one = try network.detect(
        scene.images.images(image..<image + 1), sizes: [scene.sizes[image]],
        original: [scene.sizes[image]])[0]
      #expect(one.count == both[image].count && one.count <= 7 && !one.isEmpty)
      for (a, b) in zip(one, both[image]) {
        #expect(a.box == b.box && a.label == b.label && a.score == b.score && a.mask == b.mask)
        #expect(a.score > 0.2 && a.score <= 1)
        #expect(
          a.box == a.box.clipped(height: scene.sizes[image].height, width: scene.sizes[image].width)
        )
      }
    }
  }
}

private let steps = 60
