// Non-maximum suppression: boxes in the order of falling scores, each taken unless it overlaps one
// that was. torchvision's nms; within groups, its batched_nms by a loop over them. Equal scores
// go by index. And the highest scores of many.

import ScrlBase
import ScrlImage

/// Indices of the boxes that stay, by falling score. Boxes of different groups do not meet.
func suppressed(
  _ boxes: [PixelBox], scores: [Float], groups: [Int], threshold: Double, _ workers: Workers
) -> [Int] {
  let order = boxes.indices.sorted { comesFirst($0, $1, scores) }
  var members: [Int: [Int]] = [:]
  for index in order { members[groups[index], default: []].append(index) }
  let lists = Array(members.values)
  var isKept = [Bool](repeating: false, count: boxes.count)
  isKept.withUnsafeMutableBufferPointer { isKept in
    let isKept = isKept
    workers.run(lists.count) { list in
      for index in survivors(lists[list], boxes, threshold) { isKept[index] = true }
    }
  }
  return order.filter { isKept[$0] }
}

/// - Parameter order: indices by falling score.
private func survivors(_ order: [Int], _ boxes: [PixelBox], _ threshold: Double) -> [Int] {
  let sorted = order.map { boxes[$0] }
  var isOut = [Bool](repeating: false, count: order.count)
  var kept: [Int] = []
  for i in sorted.indices where !isOut[i] {
    kept.append(order[i])
    for j in i + 1..<sorted.count where !isOut[j] {
      isOut[j] = Double(overlap(sorted[i], sorted[j])) > threshold
    }
  }
  return kept
}

@inline(__always)
private func comesFirst(_ a: Int, _ b: Int, _ scores: [Float]) -> Bool {
  scores[a] > scores[b] || (scores[a] == scores[b] && a < b)
}

/// Indices of the `count` highest scores, falling. Scores are numbers or infinite.
func highest(_ count: Int, of scores: [Float]) -> [Int] {
  guard count < scores.count else {
    return scores.indices.sorted { comesFirst($0, $1, scores) }
  }
  let limit = value(ofRank: count, in: scores)
  var chosen = scores.indices.filter { scores[$0] > limit }
  var ties = count - chosen.count
  for index in scores.indices where ties > 0 && scores[index] == limit {
    chosen.append(index)
    ties -= 1
  }
  return chosen.sorted { comesFirst($0, $1, scores) }
}

/// The score that `rank` scores reach or exceed, by counting the leading and then the other bits.
private func value(ofRank rank: Int, in scores: [Float]) -> Float {
  var counts = [Int](repeating: 0, count: 1 << 16)
  for score in scores { counts[Int(score.sortKey >> 16)] += 1 }
  var (left, high) = (rank, counts.count - 1)
  while high > 0, counts[high] < left {
    left -= counts[high]
    high -= 1
  }
  counts = [Int](repeating: 0, count: 1 << 16)
  for score in scores where Int(score.sortKey >> 16) == high {
    counts[Int(score.sortKey & 0xFFFF)] += 1
  }
  var low = counts.count - 1
  while low > 0, counts[low] < left {
    left -= counts[low]
    low -= 1
  }
  return Float(sortKey: UInt32(high) << 16 | UInt32(low))
}

extension Float {
  /// Grows with the number: the sign turns all bits of a negative one.
  fileprivate var sortKey: UInt32 {
    let bits = (self + 0).bitPattern  // −0 and 0 are one number
    return bits >> 31 == 1 ? ~bits : bits | 1 << 31
  }

  fileprivate init(sortKey: UInt32) {
    self.init(bitPattern: sortKey >> 31 == 1 ? sortKey & ~(1 << 31) : ~sortKey)
  }
}
