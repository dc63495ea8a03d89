// What the proposal head is to say of an image's anchors, and which of them its losses look at.
// Anchors of all levels count as one list, finest level first.

import ScrlBase
import ScrlImage

/// The anchors of every level for images of one padded size.
struct AnchorLevels {
  let levels: [[PixelBox]]
  let all: [PixelBox]
  let perCell: Int  // A

  /// - Parameter extents: cells of each level.
  init(_ options: DetectionOptions, extents: [(height: Int, width: Int)]) {
    perCell = options.anchorRatios.count
    var levels: [[PixelBox]] = []
    for (place, extent) in extents.enumerated() {
      let cell = cellAnchors(size: options.anchorSizes[place], ratios: options.anchorRatios)
      levels.append(
        gridAnchors(
          cell, height: extent.height, width: extent.width, stride: options.strides[place]))
    }
    self.levels = levels
    all = Array(levels.joined())
  }

  /// An index of `all` as a level's.
  func place(_ index: Int) -> (level: Int, anchor: Int) {
    var rest = index
    for (level, anchors) in levels.enumerated() {
      if rest < anchors.count { return (level, rest) }
      rest -= anchors.count
    }
    return (levels.count, rest)
  }
}

struct AnchorTarget {
  let level: Int
  let anchor: Int  // in its level
  let deltas: SIMD4<Float>?  // nil: background
}

func anchorTargets(
  _ anchors: AnchorLevels, _ truths: [PixelBox], _ options: DetectionOptions,
  _ address: Sampler.Address, _ workers: Workers
) -> [AnchorTarget] {
  let matcher = Matcher(
    background: Float(options.anchorBackground), foreground: Float(options.anchorForeground),
    keepsBest: true)
  let matches = matcher.match(anchors.all, to: truths, workers)
  let sampler = Sampler(
    count: options.anchorsPerImage, positiveFraction: options.anchorPositiveFraction)
  let (positives, negatives) = sampler.draw(
    positives: matches.labels.indices.filter { matches.labels[$0] == .foreground },
    negatives: matches.labels.indices.filter { matches.labels[$0] == .background }, address)
  return (positives + negatives).enumerated().map { place, index in
    let (level, anchor) = anchors.place(index)
    let deltas =
      place < positives.count
      ? BoxCoder.proposals.encode(from: anchors.all[index], to: truths[matches.truth[index]]) : nil
    return AnchorTarget(level: level, anchor: anchor, deltas: deltas)
  }
}
