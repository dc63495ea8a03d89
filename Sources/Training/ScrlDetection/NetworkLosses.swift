// The losses of a batch: one forward pass in the order of the network, each loss recorded onto the
// pass's tape.
// Letters: N images, K regions, F classes, S×S cells of a mask.

import ScrlAutograd
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlTensor

extension DetectionNetwork {
  /// - Parameters:
  ///   - images: (N,3,H,W) plain, normalised, then padded with zeros at the right and the bottom.
  ///   - sizes: of the images without their padding.
  ///   - address: of what is drawn; the same address draws the same.
  ///   - pass: in training; a backward pass over its tape makes the gradients of `trained`.
  package func losses(
    _ images: Tensor, sizes: [(height: Int, width: Int)], targets: [ImageTargets],
    address: (seed: UInt64, step: Int), _ pass: Pass
  ) throws(ScrlError) -> DetectionLosses {
    try losses(
      images, sizes: sizes, targets: targets, proposals: nil, address: address, pass)
  }

  /// - Parameter given: the proposals of every image, instead of the proposal head's.
  func losses(
    _ images: Tensor, sizes: [(height: Int, width: Int)], targets: [ImageTargets],
    proposals given: [[PixelBox]]?, address: (seed: UInt64, step: Int), _ pass: Pass
  ) throws(ScrlError) -> DetectionLosses {
    try checkImages(images, sizes)
    try checkTargets(targets, sizes)
    // A part that has nothing to learn from this batch has a gradient of zeros, not none.
    if pass.tape != nil { for entry in trained { _ = try entry.parameter.gradientSum() } }
    let pyramid = try levels(images, pass)
    let outputs = try ProposalOutputs(proposalHead, pyramid, options, pass)
    var losses = DetectionLosses()
    (losses.rpnObjectness, losses.rpnBox) = try outputs.losses(targets, address, pass)
    let proposals =
      if let given { given } else { try outputs.boxes(sizes, isTraining: true, engine) }
    let sampled = try sampledRegions(proposals, targets, address)
    (losses.classification, losses.box) = try boxLosses(sampled, targets, pyramid, pass)
    if let maskHead {
      losses.mask = try maskLoss(maskHead, sampled, targets, pyramid, pass)
    }
    return losses
  }

  private func sampledRegions(
    _ proposals: [[PixelBox]], _ targets: [ImageTargets], _ address: (seed: UInt64, step: Int)
  ) throws(ScrlError) -> [Region] {
    guard proposals.count == targets.count else {
      throw ScrlError(
        .shape, "detector: got proposals of \(proposals.count) images · expected \(targets.count)")
    }
    var all: [Region] = []
    for (image, target) in targets.enumerated() {
      let address = Sampler.Address(
        seed: address.seed, step: address.step, image: image, use: .regions)
      all += regions(proposals[image], target, image: image, options, address, engine.workers)
    }
    return all
  }

  /// Cross entropy, the mean over the regions, and L1 of the foreground's own class, over the same.
  private func boxLosses(
    _ regions: [Region], _ targets: [ImageTargets], _ pyramid: [Activation], _ pass: Pass
  ) throws(ScrlError) -> (classification: Double, box: Double) {
    guard !regions.isEmpty else { return (0, 0) }
    let pooled = try pool(regions.map { ($0.image, $0.box) }, options.boxCells, pyramid, pass)
    let (scores, deltas) = try boxHead.forward(pooled, pass)
    let labels = regions.map { region in
      region.truth.map { targets[region.image].labels[$0] } ?? classes
    }
    let divisor = Double(regions.count)
    let classification = try pass.crossEntropyLoss(scores, labels: labels, divisor: divisor)
    let coder = BoxCoder(weights: options.boxWeights)
    var moves = ElementTargets()
    for (row, region) in regions.enumerated() {
      guard let truth = region.truth else { continue }
      let wanted = coder.encode(from: region.box, to: targets[region.image].boxes[truth])
      for i in 0..<4 { moves.append((row * classes + labels[row]) * 4 + i, wanted[i]) }
    }
    let box = try pass.smoothL1Loss(
      deltas, moves, beta: options.smoothL1Beta, divisor: divisor)
    return (classification, box)
  }

  /// Binary cross entropy of the own class's mask, the mean over the cells of the foreground.
  private func maskLoss(
    _ maskHead: MaskHead, _ regions: [Region], _ targets: [ImageTargets],
    _ pyramid: [Activation], _ pass: Pass
  ) throws(ScrlError) -> Double {
    let chosen = regions.filter { region in
      guard let truth = region.truth, !targets[region.image].masks.isEmpty else { return false }
      return targets[region.image].masks[truth] != nil
    }
    guard !chosen.isEmpty else { return 0 }
    let pooled = try pool(chosen.map { ($0.image, $0.box) }, options.maskCells, pyramid, pass)
    let logits = try maskHead.forward(pooled, pass)
    let masks = maskTargets(chosen, targets, side: options.maskSide, engine.workers)
    var wanted = ElementTargets()
    for (row, region) in chosen.enumerated() {
      let label = targets[region.image].labels[region.truth ?? 0]
      wanted.append(plane: row * classes + label, masks[row])
    }
    return try pass.sigmoidCrossEntropyLoss(logits, wanted, divisor: Double(wanted.count))
  }

  private func checkTargets(
    _ targets: [ImageTargets], _ sizes: [(height: Int, width: Int)]
  ) throws(ScrlError) {
    guard targets.count == sizes.count else {
      throw ScrlError(
        .shape, "detector: got targets of \(targets.count) images · expected \(sizes.count)")
    }
    for (image, target) in targets.enumerated() {
      let count = target.boxes.count
      guard target.labels.count == count, target.masks.isEmpty || target.masks.count == count else {
        throw ScrlError(
          .shape,
          "detector: got \(count) boxes, \(target.labels.count) labels, \(target.masks.count) masks"
            + " of image \(image) · expected as many of each")
      }
      for (place, box) in target.boxes.enumerated() {
        guard box.isNear(sizes[image]), (0..<classes).contains(target.labels[place]) else {
          throw ScrlError(
            .data,
            "detector: got box \(box) of class \(target.labels[place]) in image \(image) · "
              + "expected a positive extent within \(sizes[image]) and a class below \(classes)")
        }
      }
      for case let mask? in target.masks
      where mask.height != sizes[image].height || mask.width != sizes[image].width {
        throw ScrlError(
          .data,
          "detector: got a mask of \(mask.height)×\(mask.width) in image \(image) · expected "
            + "\(sizes[image].height)×\(sizes[image].width)")
      }
    }
  }
}

extension PixelBox {
  /// Has an extent, and lies within the image but for a part no larger than it: what a box makes of
  /// work is bounded by the image.
  fileprivate func isNear(_ size: (height: Int, width: Int)) -> Bool {
    let (h, w) = (Float(size.height), Float(size.width))
    return isLarger(than: 0) && x0 >= -w && y0 >= -h && x1 <= 2 * w && y1 <= 2 * h
  }
}
