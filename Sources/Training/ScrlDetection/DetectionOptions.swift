// Every number of a detector. The defaults are those of Detectron2's mask_rcnn_R_50_FPN_1x
// (faster_rcnn_R_50_FPN_1x with hasMasks = false). Not here: data, optimiser, schedule.

import ScrlBase
import ScrlNN

package struct DetectionOptions: Equatable, Sendable {
  /// The encoder's BatchNorms outside of its frozen stages.
  package enum Norm: String, CaseIterable, Sendable {
    case frozen  // running statistics, scale and shift are constants
    case trained  // batch statistics, as in pretraining
  }

  // The network.
  package var architecture = Architecture.resnet50
  package var stem = Stem.imagenet
  package var frozenStages = 2  // 0: none · 1: the stem · 2: and layer1 · … · 5: all of it
  package var norm = Norm.frozen
  package var hasMasks = true
  package var pyramidWidth = 256  // channels of P2…P6
  package var boxHeadWidth = 1024  // of both fully connected layers
  package var maskHeadWidth = 256
  package var maskHeadDepth = 4  // convolutions before the upsampling
  package var boxCells = 7  // RoIAlign's output side, for the box head
  package var maskCells = 14  // and for the mask head, whose masks have twice that

  // Anchors: one size a level, P2 first, in pixels.
  package var anchorSizes: [Double] = [32, 64, 128, 256, 512]
  package var anchorRatios: [Double] = [0.5, 1, 2]  // height / width

  // Proposals.
  package var anchorBackground = 0.3  // IoU below which an anchor is background
  package var anchorForeground = 0.7  // and from which it is foreground; between, neither
  package var anchorsPerImage = 256
  package var anchorPositiveFraction = 0.5
  package var trainCandidatesPerLevel = 2000  // before NMS
  package var testCandidatesPerLevel = 1000
  package var trainProposals = 1000  // an image, after NMS
  package var testProposals = 1000
  package var proposalNMS = 0.7
  package var minProposalSide = 0.0  // pixels; sides have to be larger

  // Regions.
  package var appendsGroundTruth = true  // to the proposals, in training
  package var regionThreshold = 0.5  // IoU from which a region is foreground
  package var regionsPerImage = 512
  package var regionPositiveFraction = 0.25
  package var boxWeights = SIMD4<Float>(10, 10, 5, 5)  // of x, y, width, height
  package var canonicalBox = 224.0  // the side that is pooled from level 4
  package var smoothL1Beta = 0.0  // of both box losses; 0: L1

  // Detections.
  package var scoreThreshold = 0.05
  package var detectionNMS = 0.5
  package var detectionsPerImage = 100
  package var maskThreshold = 0.5

  package init() {}

  /// Masks of the mask head have S×S cells.
  package var maskSide: Int { 2 * maskCells }

  /// Pixels per cell of P2…P6.
  package var strides: [Int] {
    let first = stem.stride(of: .layer1)
    return (0..<DetectionOptions.levels).map { first << $0 }
  }

  package static let levels = 5
  static let pooledLevels = 4  // P2…P5; P6 makes proposals only

  /// Height and width of the images are multiples of it.
  package var imageMultiple: Int { stem.stride(of: .layer4) }
}

extension DetectionOptions {
  private var counts: [(name: String, value: Int)] {
    [
      ("pyramid width", pyramidWidth), ("box head width", boxHeadWidth),
      ("mask head width", maskHeadWidth), ("mask head depth", maskHeadDepth),
      ("box cells", boxCells), ("mask cells", maskCells),
      ("anchors per image", anchorsPerImage),
      ("train candidates per level", trainCandidatesPerLevel),
      ("test candidates per level", testCandidatesPerLevel),
      ("train proposals", trainProposals), ("test proposals", testProposals),
      ("regions per image", regionsPerImage), ("detections per image", detectionsPerImage),
    ]
  }

  private var fractions: [(name: String, value: Double)] {
    [
      ("anchor background threshold", anchorBackground),
      ("anchor foreground threshold", anchorForeground),
      ("anchor positive fraction", anchorPositiveFraction), ("proposal NMS", proposalNMS),
      ("region threshold", regionThreshold),
      ("region positive fraction", regionPositiveFraction), ("score threshold", scoreThreshold),
      ("detection NMS", detectionNMS), ("mask threshold", maskThreshold),
    ]
  }

  package func check() throws(ScrlError) {
    for (name, value) in counts {
      try expect((1...1_000_000).contains(value), "\(name) \(value)", "1...1000000")
    }
    for (name, value) in fractions {
      try expect((0...1).contains(value), "\(name) \(value)", "0...1")
    }
    try expect(boxCells <= 64 && maskCells <= 64, "cells \(boxCells), \(maskCells)", "up to 64")
    try expect((0...5).contains(frozenStages), "frozen stages \(frozenStages)", "0...5")
    try expect(
      anchorBackground <= anchorForeground,
      "anchor thresholds \(anchorBackground), \(anchorForeground)", "background ≤ foreground")
    try expect(
      anchorSizes.count == DetectionOptions.levels && anchorSizes.allSatisfy(isExtent),
      "anchor sizes \(anchorSizes)", "\(DetectionOptions.levels) sizes in (0, 100000]")
    try expect(
      (1...16).contains(anchorRatios.count)
        && anchorRatios.allSatisfy { (0.01...100).contains($0) },
      "anchor ratios \(anchorRatios)", "1 to 16 ratios in 0.01...100")
    try expect(
      minProposalSide >= 0 && minProposalSide.isFinite, "min proposal side \(minProposalSide)",
      "≥ 0")
    try expect(isExtent(canonicalBox), "canonical box \(canonicalBox)", "in (0, 100000]")
    try expect(
      smoothL1Beta >= 0 && smoothL1Beta.isFinite, "smooth L1 beta \(smoothL1Beta)", "≥ 0")
    try expect(
      (0..<4).allSatisfy { boxWeights[$0] > 0 && boxWeights[$0].isFinite },
      "box weights \(boxWeights)", "positive numbers")
  }

  private func isExtent(_ value: Double) -> Bool { value > 0 && value <= 100_000 }

  private func expect(_ holds: Bool, _ got: String, _ wanted: String) throws(ScrlError) {
    guard holds else { throw ScrlError(.config, "detector: got \(got) · expected \(wanted)") }
  }
}
