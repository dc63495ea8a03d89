// Detections of images: the proposals of each are scored, decoded, suppressed by class, and the best
// get a mask (Detectron2's fast_rcnn_inference and detector_postprocess).
// Letters: N images, K proposals or detections, F classes, S×S cells of a mask.

import Glibc
import ScrlAutograd
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlTensor

extension DetectionNetwork {
  /// - Parameters:
  ///   - images: (N,3,H,W) plain, normalised, then padded with zeros at the right and the bottom.
  ///   - sizes: of the images without their padding.
  ///   - original: the sizes that boxes and masks are wanted in.
  /// - Returns: of every image, by falling score.
  /// - Throws: `.diverged` where an output is not finite: silence would look like empty pictures.
  package func detect(
    _ images: Tensor, sizes: [(height: Int, width: Int)],
    original: [(height: Int, width: Int)]
  ) throws(ScrlError) -> [[Detection]] {
    try checkImages(images, sizes)
    guard original.count == sizes.count,
      original.allSatisfy({ isSide($0.height) && isSide($0.width) })
    else {
      throw ScrlError(
        .argument, "detector: got original sizes \(original) · expected \(sizes.count) of 1...65535"
      )
    }
    let pass = Pass(engine: engine, mode: .inference)
    let each = max(1, min(mostImages, mostPixels / (images.shape[2] * images.shape[3])))
    var result: [[Detection]] = []
    for first in stride(from: 0, to: images.shape[0], by: each) {
      let range = first..<min(first + each, images.shape[0])
      let pyramid = try levels(images.images(range), pass)
      let outputs = try ProposalOutputs(proposalHead, pyramid, options, pass)
      let proposals = try outputs.boxes(Array(sizes[range]), isTraining: false, engine)
      for image in range {
        let found = try scored(
          proposals[image - first], image: image - first, size: sizes[image], pyramid, pass)
        let masks = try maskProbabilities(found, image: image - first, pyramid, pass)
        result.append(
          try finished(found, masks, size: sizes[image], original: original[image]))
      }
    }
    return result
  }

  /// The best boxes after suppression, in pixels of the image as the network sees it.
  private func scored(
    _ proposals: [PixelBox], image: Int, size: (height: Int, width: Int),
    _ pyramid: [Activation], _ pass: Pass
  ) throws(ScrlError) -> [Scored] {
    var found: [Scored] = []
    for first in stride(from: 0, to: proposals.count, by: mostRegions) {
      let some = proposals[first..<min(first + mostRegions, proposals.count)]
      found += try candidates(Array(some), image: image, size: size, pyramid, pass)
    }
    let kept = suppressed(
      found.map(\.box), scores: found.map(\.score), groups: found.map(\.label),
      threshold: options.detectionNMS, engine.workers)
    return kept.prefix(options.detectionsPerImage).map { found[$0] }
  }

  /// Each proposal as a box of every class that it may be.
  private func candidates(
    _ proposals: [PixelBox], image: Int, size: (height: Int, width: Int),
    _ pyramid: [Activation], _ pass: Pass
  ) throws(ScrlError) -> [Scored] {
    let pooled = try pool(proposals.map { (image, $0) }, options.boxCells, pyramid, pass)
    let (logits, deltas) = try boxHead.forward(pooled, pass)
    let (scores, moves) = (try logits.value(engine), try deltas.value(engine))
    let coder = BoxCoder(weights: options.boxWeights)
    var found: [Scored] = []
    for (row, proposal) in proposals.enumerated() {
      let probabilities = softmax(scores.buffer[row * (classes + 1)..<(row + 1) * (classes + 1)])
      let boxes = (0..<classes).map { label in
        let d = moves.pointer + (row * classes + label) * 4
        return coder.decode(SIMD4(d[0], d[1], d[2], d[3]), from: proposal)
      }
      guard probabilities.allSatisfy(\.isFinite), boxes.allSatisfy(\.isFinite) else {
        throw ScrlError(
          .diverged,
          "detector: got scores or boxes of proposal \(row) that are not finite · expected finite "
            + "weights")
      }
      for label in 0..<classes where Double(probabilities[label]) > options.scoreThreshold {
        let box = boxes[label].clipped(height: size.height, width: size.width)
        found.append(Scored(box: box, label: label, score: probabilities[label]))
      }
    }
    withExtendedLifetime((scores, moves)) {}
    return found
  }

  /// (K,S,S): of each detection's own class; nil without a mask head.
  private func maskProbabilities(
    _ found: [Scored], image: Int, _ pyramid: [Activation], _ pass: Pass
  ) throws(ScrlError) -> [Float]? {
    guard let maskHead else { return nil }
    let cells = options.maskSide * options.maskSide
    var masks: [Float] = []
    for first in stride(from: 0, to: found.count, by: mostMasks) {
      let some = found[first..<min(first + mostMasks, found.count)]
      let pooled = try pool(some.map { (image, $0.box) }, options.maskCells, pyramid, pass)
      let logits = try maskHead.forward(pooled, pass).plain(engine)
      for (row, detection) in some.enumerated() {
        let place = (row * classes + detection.label) * cells
        masks += logits.buffer[place..<place + cells].map { 1 / (1 + expf(-$0)) }
      }
      withExtendedLifetime(logits) {}
    }
    guard masks.allSatisfy(\.isFinite) else {
      throw ScrlError(
        .diverged, "detector: got masks that are no numbers · expected finite weights")
    }
    return masks
  }

  private func finished(
    _ found: [Scored], _ masks: [Float]?, size: (height: Int, width: Int),
    original: (height: Int, width: Int)
  ) throws(ScrlError) -> [Detection] {
    let (x, y) = (
      Float(Double(original.width) / Double(size.width)),
      Float(Double(original.height) / Double(size.height))
    )
    let cells = options.maskSide * options.maskSide
    var detections: [Detection] = []
    for (row, scored) in found.enumerated() {
      let box = scored.box.scaled(x: x, y: y)
        .clipped(height: original.height, width: original.width)
      guard box.isLarger(than: 0) else { continue }
      var mask: RunLengths?
      if let masks {
        mask = try pastedMask(
          masks[row * cells..<(row + 1) * cells], side: options.maskSide, box: box,
          height: original.height, width: original.width,
          threshold: Float(options.maskThreshold))
      }
      detections.append(
        Detection(box: box, label: scored.label, score: scored.score, mask: mask))
    }
    return detections
  }
}

private func isSide(_ pixels: Int) -> Bool { (1...RunLengths.longestSide).contains(pixels) }

private struct Scored {
  let box: PixelBox
  let label: Int
  let score: Float
}

// What bounds the memory of a pass: images, their pixels, regions of either head.
private let mostImages = 16
private let mostPixels = 1 << 20
private let mostRegions = 1000
private let mostMasks = 128

private func softmax(_ logits: Slice<UnsafeMutableBufferPointer<Float>>) -> [Float] {
  let largest = logits.max() ?? 0
  let powers = logits.map { expf($0 - largest) }
  let sum = powers.reduce(0, +)
  return powers.map { $0 / sum }
}
