// The options of a detector, typed; `DetectKeys.swift` gives each its key. The values that it begins
// with are Detectron2's mask_rcnn_R_50_FPN_1x.

import ScrlBase

package struct DetectConfig: Equatable, Sendable {
  package enum Kind: String, CaseIterable, Sendable { case faster, mask }

  /// What training does with the backbone's BatchNorms.
  package enum Norm: String, CaseIterable, Sendable {
    case frozen  // constants: neither statistics nor scale and shift move
    case trained  // statistics of the batch
  }

  package var kind = Kind.mask
  package var classes = 0

  package var batch = 16
  package var epochs = 12
  package var steps = 90_000
  package var baseRate = 0.02
  package var warmupSteps = 1000
  package var milestones = [2.0 / 3, 8.0 / 9]
  package var momentum = 0.9
  package var weightDecay = 1e-4
  package var clip = 0.0

  package var minSizes = [640, 672, 704, 736, 768, 800]
  package var maxSize = 1333
  package var testSize = 800
  package var flips = true
  package var empty = false

  package var norm = Norm.frozen
  package var freezeAt = 2
  package var channels = 256
  package var boxHidden = 1024
  package var maskChannels = 256

  package var anchorSize = 32
  package var canonicalSize = 224
  package var beforeNMS = 2000
  package var beforeNMSInTest = 1000
  package var proposals = 1000
  package var anchorSamples = 256
  package var regionSamples = 512

  package var scoreThreshold = 0.05
  package var overlapThreshold = 0.5
  package var maxDetections = 100

  package init() {}

  /// For hundreds of pictures of some 160 pixels on a few cores, from fresh or pretrained weights.
  package static let small: DetectConfig = {
    var config = DetectConfig()
    (config.batch, config.epochs, config.steps) = (8, 24, 0)
    (config.baseRate, config.warmupSteps, config.clip) = (0.04, 100, 10)
    (config.minSizes, config.maxSize, config.testSize) = ([160], 320, 160)
    (config.norm, config.freezeAt) = (.trained, 0)
    (config.channels, config.boxHidden, config.maskChannels) = (64, 256, 64)
    (config.anchorSize, config.canonicalSize) = (16, 112)
    (config.beforeNMS, config.beforeNMSInTest, config.proposals) = (500, 300, 200)
    (config.anchorSamples, config.regionSamples) = (128, 64)
    return config
  }()

  /// The rate that the schedule reaches after warm-up: base · batch / 16 (Goyal et al. 2017).
  package var scaledRate: Double { baseRate * Double(batch) / 16 }

  func check() throws(ScrlError) {
    func refusal(_ message: String) -> ScrlError { ScrlError(.config, "config: " + message) }
    let longest = max(minSizes.max() ?? 0, testSize)
    guard longest <= maxSize else {
      throw refusal(
        "detect.max_size is \(maxSize) · expected at least detect.min_size and detect.test_size, "
          + "\(longest)")
    }
    if let bad = milestones.first(where: { $0 >= 1 && $0 != $0.rounded() }) {
      throw refusal(
        "detect.milestones has \(bad) · expected shares of the schedule below 1, or whole steps")
    }
  }
}
