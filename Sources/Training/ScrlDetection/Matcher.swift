// Which ground truth a box is judged by, and whether it counts as foreground (Ren et al. 2015,
// section 3.1.2). The same as Detectron2's Matcher, but for one thing: a ground truth that no box
// touches matches nothing, where Detectron2 makes every box that shares nothing with it foreground.
// Letters: G ground truths, K boxes. The G×K overlaps are made twice instead of being kept.

import ScrlBase
import ScrlImage

struct Matches: Equatable {
  enum Label: Int8 { case background, ignored, foreground }

  let truth: [Int]  // (K), the ground truth of the largest overlap, the first of several
  let labels: [Label]  // (K)
}

struct Matcher {
  let background: Float  // overlaps below it
  let foreground: Float  // overlaps from it on; what lies between is ignored
  /// The boxes that overlap a ground truth most are foreground, however little that is.
  let keepsBest: Bool

  func match(_ boxes: [PixelBox], to truths: [PixelBox], _ workers: Workers) -> Matches {
    var truth = [Int](repeating: 0, count: boxes.count)
    var labels = [Matches.Label](repeating: .background, count: boxes.count)
    guard !truths.isEmpty else { return Matches(truth: truth, labels: labels) }
    let tasks = (boxes.count + grain - 1) / grain
    var most = [Float](repeating: 0, count: tasks * truths.count)  // each task's, of each truth
    truth.withUnsafeMutableBufferPointer { truth in
      labels.withUnsafeMutableBufferPointer { labels in
        most.withUnsafeMutableBufferPointer { most in
          let (truth, labels, most) = (truth, labels, most)
          workers.ranges(boxes.count, grain: grain) { range in
            let row = range.lowerBound / grain * truths.count
            for k in range {
              var (largest, place) = (Float(0), 0)
              for g in truths.indices {
                let shared = overlap(truths[g], boxes[k])
                if shared > largest { (largest, place) = (shared, g) }
                if shared > most[row + g] { most[row + g] = shared }
              }
              truth[k] = place
              labels[k] = label(of: largest)
            }
          }
        }
      }
    }
    if keepsBest { keep(&labels, boxes, truths, most, workers) }
    return Matches(truth: truth, labels: labels)
  }

  private func label(of overlap: Float) -> Matches.Label {
    overlap >= foreground ? .foreground : overlap < background ? .background : .ignored
  }

  /// Ties are all kept. The ground truth that such a box is judged by stays that of its own largest
  /// overlap.
  private func keep(
    _ labels: inout [Matches.Label], _ boxes: [PixelBox], _ truths: [PixelBox],
    _ ofTasks: [Float], _ workers: Workers
  ) {
    var most = [Float](repeating: 0, count: truths.count)
    for (i, shared) in ofTasks.enumerated() {
      most[i % truths.count] = max(most[i % truths.count], shared)
    }
    labels.withUnsafeMutableBufferPointer { labels in
      let labels = labels
      workers.ranges(boxes.count, grain: grain) { range in
        for k in range {
          for g in truths.indices
          where most[g] > 0 && overlap(truths[g], boxes[k]) == most[g] {
            labels[k] = .foreground
          }
        }
      }
    }
  }
}

private let grain = 4096  // boxes of one task
