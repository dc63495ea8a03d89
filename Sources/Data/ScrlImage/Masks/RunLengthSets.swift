// Masks of one size together: union, intersection, overlap. D detections, G true objects.
// COCO's overlap with a crowd region is the share of the detection that lies in it.

import ScrlBase

extension RunLengths {
  package func union(_ other: RunLengths) throws(ScrlError) -> RunLengths {
    try checkSameSize(self, other)
    return merged(self, other) { $0 || $1 }
  }

  package func intersection(_ other: RunLengths) throws(ScrlError) -> RunLengths {
    try checkSameSize(self, other)
    return merged(self, other) { $0 && $1 }
  }

  /// The union of all; nil for none.
  package static func union(_ masks: [RunLengths]) throws(ScrlError) -> RunLengths? {
    guard let first = masks.first else { return nil }
    for mask in masks { try checkSameSize(first, mask) }
    // In pairs, and pairs of those: every run is touched log₂(masks) times.
    var level = masks
    while level.count > 1 {
      level = stride(from: 0, to: level.count, by: 2).map { index in
        index + 1 < level.count ? merged(level[index], level[index + 1]) { $0 || $1 } : level[index]
      }
    }
    return level[0]
  }

  /// Pixels in both masks, which have one size.
  package func sharedArea(_ other: RunLengths) -> Int {
    var shared = 0
    walk(self, other) { length, inA, inB in if inA && inB { shared += length } }
    return shared
  }

  /// IoU (D,G) of masks of one size; for a crowd region its share of the detection.
  package static func overlaps(
    _ detections: [RunLengths], _ truths: [RunLengths], isCrowd: [Bool]
  ) throws(ScrlError) -> [Double] {
    guard isCrowd.count == truths.count else {
      throw ScrlError(
        .argument, "overlaps: got \(isCrowd.count) crowd flags · expected \(truths.count)")
    }
    if let first = detections.first ?? truths.first {
      for mask in detections { try checkSameSize(first, mask) }
      for mask in truths { try checkSameSize(first, mask) }
    }
    let measured = truths.map(MeasuredMask.init)
    return detections.flatMap { mask in
      let detection = MeasuredMask(mask)
      return zip(measured, isCrowd).map { detection.overlap(with: $0, isCrowd: $1) }
    }
  }
}

/// A mask with its area and bounds, which every overlap asks for.
package struct MeasuredMask {
  package let mask: RunLengths
  package let area: Int
  package let bounds: (x: Int, y: Int, width: Int, height: Int)

  package init(_ mask: RunLengths) {
    self.mask = mask
    area = mask.area
    bounds = mask.bounds
  }

  /// The overlap of this detection with a true object of the same size.
  package func overlap(with truth: MeasuredMask, isCrowd: Bool) -> Double {
    let (a, b) = (bounds, truth.bounds)
    guard a.x < b.x + b.width, b.x < a.x + a.width, a.y < b.y + b.height, b.y < a.y + a.height
    else { return 0 }
    let shared = mask.sharedArea(truth.mask)
    guard shared > 0 else { return 0 }
    return Double(shared) / Double(isCrowd ? area : area + truth.area - shared)
  }
}

private func checkSameSize(_ a: RunLengths, _ b: RunLengths) throws(ScrlError) {
  guard a.height == b.height, a.width == b.width else {
    throw ScrlError(
      .data, "masks: got \(b.height)×\(b.width) beside \(a.height)×\(a.width) · expected one size")
  }
}

/// Hears of every stretch on which neither mask changes.
@inline(__always)
private func walk(_ a: RunLengths, _ b: RunLengths, _ body: (Int, Bool, Bool) -> Void) {
  a.counts.withUnsafeBufferPointer { left in
    b.counts.withUnsafeBufferPointer { right in
      var (i, j) = (0, 0)
      var (restA, restB) = (Int(left[0]), Int(right[0]))
      while true {
        let length = min(restA, restB)
        if length > 0 { body(length, i & 1 == 1, j & 1 == 1) }
        restA -= length
        restB -= length
        if restA == 0 {
          i += 1
          if i < left.count { restA = Int(left[i]) }
        }
        if restB == 0 {
          j += 1
          if j < right.count { restB = Int(right[j]) }
        }
        // Both sum to H·W: they end together.
        if i >= left.count || j >= right.count { return }
      }
    }
  }
}

@inline(__always)
private func merged(
  _ a: RunLengths, _ b: RunLengths, _ belongs: (Bool, Bool) -> Bool
) -> RunLengths {
  var runs: [UInt32] = [0]
  walk(a, b) { length, inA, inB in
    // An even number of runs: the last of them is one of ones.
    if belongs(inA, inB) != (runs.count & 1 == 0) { runs.append(0) }
    runs[runs.count - 1] += UInt32(length)
  }
  return RunLengths(trusted: runs, height: a.height, width: a.width)
}
