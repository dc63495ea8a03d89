// The proposal head's outputs over all levels: their losses, and the boxes they propose.
// Letters: N images, A anchors per cell, H×W cells of a level.

import ScrlAutograd
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlTensor

struct ProposalOutputs {
  let levels: [ProposalHead.Level]
  let anchors: AnchorLevels
  let options: DetectionOptions

  init(
    _ head: ProposalHead, _ pyramid: [Activation], _ options: DetectionOptions, _ pass: Pass
  ) throws(ScrlError) {
    var levels: [ProposalHead.Level] = []
    for level in pyramid { levels.append(try head.forward(level, pass)) }
    self.levels = levels
    self.options = options
    anchors = AnchorLevels(
      options, extents: pyramid.map { (height: $0.shape[2], width: $0.shape[3]) })
  }

  /// Boxes to look at, of every image.
  func boxes(
    _ sizes: [(height: Int, width: Int)], isTraining: Bool, _ engine: any Engine
  ) throws(ScrlError) -> [[PixelBox]] {
    let limits = ProposalLimits(
      candidatesPerLevel: isTraining
        ? options.trainCandidatesPerLevel : options.testCandidatesPerLevel,
      proposals: isTraining ? options.trainProposals : options.testProposals,
      threshold: options.proposalNMS, minSide: Float(options.minProposalSide))
    var plain: [(objectness: Tensor, deltas: Tensor)] = []
    for level in levels {
      plain.append(
        (try level.objectness.plain(engine), try level.deltas.plain(engine)))
    }
    var result: [[PixelBox]] = []
    for (image, size) in sizes.enumerated() {
      let scores = zip(plain, anchors.levels).map { tensors, anchors in
        AnchorScores(
          anchors: anchors, objectness: tensors.objectness.images(image..<image + 1).pointer,
          deltas: tensors.deltas.images(image..<image + 1).pointer,
          cells: anchors.count / self.anchors.perCell, perCell: self.anchors.perCell)
      }
      result.append(try proposals(scores, size: size, limits, engine.workers))
    }
    withExtendedLifetime(plain) {}
    return result
  }

  /// Binary cross entropy of the sampled anchors and L1 of the foreground among them, both over the
  /// number that would be sampled.
  func losses(
    _ targets: [ImageTargets], _ address: (seed: UInt64, step: Int), _ pass: Pass
  ) throws(ScrlError) -> (objectness: Double, box: Double) {
    var wanted = [[(image: Int, target: AnchorTarget)]](repeating: [], count: levels.count)
    for (image, target) in targets.enumerated() {
      let address = Sampler.Address(
        seed: address.seed, step: address.step, image: image, use: .anchors)
      let found = anchorTargets(anchors, target.boxes, options, address, pass.engine.workers)
      for target in found { wanted[target.level].append((image, target)) }
    }
    let divisor = Double(options.anchorsPerImage * targets.count)
    var (objectness, box) = (0.0, 0.0)
    for (level, entries) in zip(levels, wanted) where !entries.isEmpty {
      objectness += try objectnessLoss(level.objectness, entries, divisor, pass)
      box += try boxLoss(level.deltas, entries, divisor, pass)
    }
    return (objectness, box)
  }

  private func objectnessLoss(
    _ logits: Activation, _ entries: [(image: Int, target: AnchorTarget)], _ divisor: Double,
    _ pass: Pass
  ) throws(ScrlError) -> Double {
    let cells = logits.shape[2] * logits.shape[3]
    var wanted = ElementTargets()
    for (image, target) in entries {
      let (cell, a) = target.anchor.quotientAndRemainder(dividingBy: anchors.perCell)
      wanted.append(
        (image * anchors.perCell + a) * cells + cell, target.deltas == nil ? 0 : 1)
    }
    return try pass.sigmoidCrossEntropyLoss(logits, wanted, divisor: divisor)
  }

  private func boxLoss(
    _ deltas: Activation, _ entries: [(image: Int, target: AnchorTarget)], _ divisor: Double,
    _ pass: Pass
  ) throws(ScrlError) -> Double {
    let cells = deltas.shape[2] * deltas.shape[3]
    var wanted = ElementTargets()
    for (image, target) in entries {
      guard let move = target.deltas else { continue }
      let (cell, a) = target.anchor.quotientAndRemainder(dividingBy: anchors.perCell)
      for i in 0..<4 {
        wanted.append(((image * anchors.perCell + a) * 4 + i) * cells + cell, move[i])
      }
    }
    return try pass.smoothL1Loss(deltas, wanted, beta: options.smoothL1Beta, divisor: divisor)
  }
}
