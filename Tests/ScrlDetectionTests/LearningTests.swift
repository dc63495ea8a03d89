// A detector that has seen two pictures often enough finds what is in them.

import ScrlAutograd
import ScrlBase
import ScrlImage
import ScrlNN
import TestSupport
import Testing

@testable import ScrlDetection

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
      // The last steps are small, so that the running statistics catch up.
      let rate = step < steps - 30 ? 0.02 : 0.002
      try optimiser.step(rate: rate * min(1, Double(step + 1) / 10))
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

  // Another number of images is another order of the same sums: 1e-4 of the largest feature after
  // the encoder, as ResNetTests derives; logits of about 10 and corners of up to 64 pixels.
  @Test("An image's detections do not depend on what is beside it, and stay in bounds")
  func alone() throws {
    var options = tinyOptions()
    options.scoreThreshold = 0.2
    let network = try tinyDetector(options, isHashed: true, try testEngine())
    let scene = try shapesScene()
    let both = try network.detect(scene.images, sizes: scene.sizes, original: scene.sizes)
    for (image, size) in scene.sizes.enumerated() {
      let one = try network.detect(
        scene.images.images(image..<image + 1), sizes: [size], original: [size])[0]
      #expect(one.contains { $0.score > 0.25 })
      for (some, others) in [(one, both[image]), (both[image], one)] {
        for a in some where a.score > 0.25 {
          let isThere = others.contains { b in
            a.label == b.label && abs(a.score - b.score) < 1e-3 && distance(a.box, b.box) < 1e-2
          }
          #expect(isThere, "\(a.box), class \(a.label), \(a.score)")
        }
        #expect(some.count <= 100)
        #expect(some.allSatisfy { $0.score > 0.2 && $0.score <= 1 })
        #expect(
          some.allSatisfy { $0.box == $0.box.clipped(height: size.height, width: size.width) })
      }
    }
  }
}

private let steps = 150

/// The largest of the corners' coordinates.
private func distance(_ a: PixelBox, _ b: PixelBox) -> Float {
  max(max(abs(a.x0 - b.x0), abs(a.y0 - b.y0)), max(abs(a.x1 - b.x1), abs(a.y1 - b.y1)))
}
