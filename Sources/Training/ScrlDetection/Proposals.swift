// From the proposal head's outputs to boxes worth a look: the highest scores of each level, decoded,
// clipped, suppressed (Ren et al. 2015, section 3.3; Detectron2's find_top_rpn_proposals).
// Letters: N images, A anchors per cell, H×W cells.

import ScrlBase
import ScrlImage
import ScrlTensor

/// One level of one image: what the head says of each anchor, plain.
struct AnchorScores {
  let anchors: [PixelBox]  // (H·W·A)
  let objectness: UnsafePointer<Float>  // (A,H,W)
  let deltas: UnsafePointer<Float>  // (4A,H,W), row a·4 + i
  let cells: Int  // H·W
  let perCell: Int  // A

  func score(_ anchor: Int) -> Float {
    let (cell, a) = anchor.quotientAndRemainder(dividingBy: perCell)
    return objectness[a * cells + cell]
  }

  func delta(_ anchor: Int) -> SIMD4<Float> {
    let (cell, a) = anchor.quotientAndRemainder(dividingBy: perCell)
    let first = deltas + (a * 4 * cells + cell)
    return SIMD4(first[0], first[cells], first[2 * cells], first[3 * cells])
  }
}

struct ProposalLimits {
  let candidatesPerLevel: Int
  let proposals: Int  // of an image
  let threshold: Double  // NMS
  let minSide: Float
}

/// - Parameter size: of the image, without its padding.
/// - Throws: `.diverged`
func proposals(
  _ levels: [AnchorScores], size: (height: Int, width: Int), _ limits: ProposalLimits,
  _ workers: Workers
) throws(ScrlError) -> [PixelBox] {
  var (boxes, scores, groups): ([PixelBox], [Float], [Int]) = ([], [], [])
  for (place, level) in levels.enumerated() {
    let all = level.anchors.indices.map { level.score($0) }
    let comparable = all.map { $0.isNaN ? .infinity : $0 }  // NaN is seen first, and refused
    for index in highest(limits.candidatesPerLevel, of: comparable) {
      let box = BoxCoder.proposals.decode(level.delta(index), from: level.anchors[index])
      guard box.isFinite, all[index].isFinite else {
        throw ScrlError(
          .diverged,
          "proposals: got score \(all[index]) and box \(box) of anchor \(index) at level "
            + "\(place + 2) · expected finite numbers")
      }
      let inside = box.clipped(height: size.height, width: size.width)
      guard inside.isLarger(than: limits.minSide) else { continue }
      boxes.append(inside)
      scores.append(all[index])
      groups.append(place)
    }
  }
  let kept = suppressed(
    boxes, scores: scores, groups: groups, threshold: limits.threshold, workers)
  return kept.prefix(limits.proposals).map { boxes[$0] }
}
