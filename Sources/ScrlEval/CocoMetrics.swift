// COCO's detection metrics as pycocotools' COCOeval computes them: average precision and recall over
// ten overlaps, four ranges of area and at most 1, 10 or 100 detections an image and class.
// Letters: T thresholds, R recall points, K classes, A ranges of area, M limits of detections.
// −1 stands where a class has no object in a range, and for a mean over nothing.

import ScrlBase

/// The twelve figures, in COCO's order. Shares in 0 … 1, or −1.
package struct CocoFigures: Sendable, Equatable {
  package static let names = [
    "AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl",
  ]
  package var values: [Double]

  package subscript(name: String) -> Double {
    Self.names.firstIndex(of: name).map { values[$0] } ?? -1
  }
}

package struct CocoMetrics: Sendable {
  package static let thresholds = CocoRules.thresholds
  package static let recallPoints = CocoRules.recalls

  package let categories: Int
  package private(set) var precision: [Double]  // (T,R,K,A,M)
  package private(set) var recall: [Double]  // (T,K,A,M)
  package private(set) var figures = CocoFigures(values: [])
  package private(set) var ofCategory: [CocoFigures] = []

  /// Precision at the R recall points of a class: all areas, 100 detections.
  package func curve(category: Int, threshold: Int) -> [Double] {
    CocoRules.recalls.indices.map { precision[index(threshold, $0, category, 0, 2)] }
  }

  private func index(_ t: Int, _ r: Int, _ k: Int, _ a: Int, _ m: Int) -> Int {
    (((t * CocoRules.recalls.count + r) * categories + k) * CocoRules.areas.count + a)
      * CocoRules.detectionLimits.count + m
  }

  private func recallIndex(_ t: Int, _ k: Int, _ a: Int, _ m: Int) -> Int {
    ((t * categories + k) * CocoRules.areas.count + a) * CocoRules.detectionLimits.count + m
  }

  fileprivate init(categories: Int) {
    self.categories = categories
    let cells =
      CocoRules.thresholds.count * categories * CocoRules.areas.count
      * CocoRules.detectionLimits.count
    precision = [Double](repeating: -1, count: cells * CocoRules.recalls.count)
    recall = [Double](repeating: -1, count: cells)
  }
}

/// The metrics of detections on images whose objects are known.
/// - Parameters:
///   - categories: how many classes there are; a class is a number below it.
///   - workers: do not change the result.
/// - Throws: `.data` for a class out of range, numbers that are not finite, a missing mask, masks
///   of one image that differ in size.
package func evaluateCoco(
  groundTruth: [CocoObject], detections: [CocoDetection], kind: CocoKind, categories: Int,
  workers: Workers = Workers()
) throws(ScrlError) -> CocoMetrics {
  for (place, object) in groundTruth.enumerated() {
    try check(object, place, kind, categories: categories)
  }
  for (place, detection) in detections.enumerated() {
    try check(detection, place, kind, categories: categories)
  }
  if kind == .segm { try checkMaskSizes(groundTruth, detections) }
  let sorted = CocoCells(
    groundTruth, detections, categories: categories, most: CocoRules.detectionLimits.last ?? 0,
    workers)
  let matcher = CocoMatcher(
    kind: kind, objects: groundTruth, detections: detections, sorted: sorted)
  var outcomes = [CocoOutcome](repeating: CocoOutcome(), count: detections.count)
  outcomes.withUnsafeMutableBufferPointer { buffer in
    let buffer = buffer
    workers.ranges(sorted.cells.count, grain: 16) { range in
      for cell in sorted.cells[range] { matcher.match(cell, buffer) }
    }
  }
  var metrics = CocoMetrics(categories: categories)
  metrics.accumulate(matcher, outcomes, workers)
  metrics.summarise()
  return metrics
}

private func checkMaskSizes(
  _ objects: [CocoObject], _ detections: [CocoDetection]
) throws(ScrlError) {
  var sizes: [Int: (height: Int, width: Int)] = [:]
  let masks = objects.map { ($0.image, $0.mask) } + detections.map { ($0.image, $0.mask) }
  for case (let image, let mask?) in masks {
    guard let known = sizes[image] else {
      sizes[image] = (mask.height, mask.width)
      continue
    }
    guard known == (mask.height, mask.width) else {
      throw ScrlError(
        .data,
        "coco: image \(image) has masks of \(known.height)×\(known.width) and "
          + "\(mask.height)×\(mask.width) pixels · expected one size")
    }
  }
}

// From outcomes to precision and recall.
extension CocoMetrics {
  fileprivate mutating func accumulate(
    _ matcher: CocoMatcher, _ outcomes: [CocoOutcome], _ workers: Workers
  ) {
    let layout = self
    precision.withUnsafeMutableBufferPointer { precision in
      recall.withUnsafeMutableBufferPointer { recall in
        let (precision, recall) = (precision, recall)
        workers.run(categories) { category in
          let ranking = CocoRanking(category, matcher, outcomes)
          for a in CocoRules.areas.indices where ranking.objects[a] > 0 {
            for (m, limit) in CocoRules.detectionLimits.enumerated() {
              let kept = ranking.outcomes(limit: limit)
              for t in CocoRules.thresholds.indices {
                let curve = PrecisionCurve(
                  kept, bit: CocoOutcome.bit(area: a, threshold: t), objects: ranking.objects[a])
                recall[layout.recallIndex(t, category, a, m)] = curve.recall
                for (r, value) in curve.sampled().enumerated() {
                  precision[layout.index(t, r, category, a, m)] = value
                }
              }
            }
          }
        }
      }
    }
  }

  fileprivate mutating func summarise() {
    figures = figures(of: 0..<categories)
    ofCategory = (0..<categories).map { figures(of: $0..<$0 + 1) }
  }

  private func figures(of classes: Range<Int>) -> CocoFigures {
    let all = 0..<CocoRules.thresholds.count
    func ap(_ thresholds: Range<Int>, _ area: Int) -> Double {
      mean { add in
        for t in thresholds {
          for r in CocoRules.recalls.indices {
            for k in classes { add(precision[index(t, r, k, area, 2)]) }
          }
        }
      }
    }
    func ar(_ area: Int, _ limit: Int) -> Double {
      mean { add in
        for t in all { for k in classes { add(recall[recallIndex(t, k, area, limit)]) } }
      }
    }
    return CocoFigures(values: [
      ap(all, 0), ap(0..<1, 0), ap(5..<6, 0), ap(all, 1), ap(all, 2), ap(all, 3),
      ar(0, 0), ar(0, 1), ar(0, 2), ar(1, 2), ar(2, 2), ar(3, 2),
    ])
  }

  /// The mean of what there is; −1 for nothing.
  private func mean(_ each: ((Double) -> Void) -> Void) -> Double {
    var (sum, count) = (0.0, 0)
    each { value in
      if value > -1 {
        sum += value
        count += 1
      }
    }
    return count == 0 ? -1 : sum / Double(count)
  }
}

/// The detections of a class on all images, best first.
private struct CocoRanking {
  private let ranked: [(outcome: CocoOutcome, rank: Int)]  // rank within the image, from 0
  let objects: [Int]  // that count, by range of area

  init(_ category: Int, _ matcher: CocoMatcher, _ outcomes: [CocoOutcome]) {
    let sorted = matcher.sorted
    var counts = [Int](repeating: 0, count: CocoRules.areas.count)
    var places: [(score: Double, place: Int, rank: Int)] = []
    for cell in sorted.cells[sorted.cellsOfCategory[category]] {
      for place in sorted.objectOrder[cell.objects] where !matcher.objects[place].isCrowd {
        for (a, range) in CocoRules.areas.enumerated()
        where range.contains(matcher.objects[place].area) {
          counts[a] += 1
        }
      }
      for rank in 0..<cell.kept {
        let place = cell.detections.lowerBound + rank
        places.append((matcher.detections[sorted.detectionOrder[place]].score, place, rank))
      }
    }
    places.sort { $0.score == $1.score ? $0.place < $1.place : $0.score > $1.score }
    ranked = places.map { (outcomes[$0.place], $0.rank) }
    objects = counts
  }

  func outcomes(limit: Int) -> [CocoOutcome] {
    ranked.filter { $0.rank < limit }.map(\.outcome)
  }
}

/// Precision over recall as detections are added one by one.
private struct PrecisionCurve {
  private var precisions: [Double]
  private var recalls: [Double]

  init(_ outcomes: [CocoOutcome], bit: UInt64, objects: Int) {
    precisions = []
    recalls = []
    precisions.reserveCapacity(outcomes.count)
    recalls.reserveCapacity(outcomes.count)
    var (right, wrong) = (0.0, 0.0)
    for outcome in outcomes {
      if outcome.ignored & bit == 0 {
        if outcome.found & bit != 0 { right += 1 } else { wrong += 1 }
      }
      recalls.append(right / Double(objects))
      precisions.append(right / (wrong + right + Double.ulpOfOne))
    }
    // Never below what is reached at a higher recall.
    for i in stride(from: precisions.count - 1, to: 0, by: -1) {
      precisions[i - 1] = max(precisions[i - 1], precisions[i])
    }
  }

  /// The recall reached.
  var recall: Double { recalls.last ?? 0 }

  /// The precision at each recall point, 0 beyond what is reached.
  func sampled() -> [Double] {
    var place = 0
    return CocoRules.recalls.map { point in
      while place < recalls.count, recalls[place] < point { place += 1 }
      return place < recalls.count ? precisions[place] : 0
    }
  }
}
