// COCO's detection metrics as pycocotools' COCOeval computes them: average precision and recall over
// ten overlaps, four ranges of area and at most 1, 10 or 100 detections an image and class (or other
// limits). Precision is always with the largest limit, where pycocotools' summary looks for 100.
// Letters: T thresholds, R recall points, K classes, A ranges of area.
// −1 stands where a class has no object in a range, and for a mean over nothing.

import ScrlBase

/// The twelve figures, in COCO's order. Shares in 0 … 1, or −1.
package struct CocoFigures: Sendable, Equatable {
  package static let names = [
    "AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl",
  ]
  package let values: [Double]

  package subscript(name: String) -> Double {
    Self.names.firstIndex(of: name).map { values[$0] } ?? -1
  }
}

package struct CocoMetrics: Sendable {
  package static let thresholds = CocoRules.thresholds
  package static let recallPoints = CocoRules.recalls

  package let figures: CocoFigures
  package let ofCategory: [CocoFigures]
  package let limits: CocoLimits
  package let uncounted: Int  // detections beyond the largest limit
  package let notes: [String]
  private let classes: [CocoClass?]

  /// Precision at the R recall points of a class, over all areas and with the largest limit; all −1
  /// for a class without an object.
  package func curve(category: Int, threshold: Int) -> [Double] {
    let count = CocoRules.recalls.count
    guard let found = classes[category], !found.curves.isEmpty else {
      return [Double](repeating: -1, count: count)
    }
    return Array(found.curves[threshold * count..<(threshold + 1) * count])
  }

  fileprivate init(
    _ classes: [CocoClass?], _ limits: CocoLimits, beyond: (detections: Int, cells: Int)
  ) {
    self.classes = classes
    self.limits = limits
    uncounted = beyond.detections
    notes =
      uncounted == 0
      ? []
      : [
        "\(uncounted) detections do not count: \(beyond.cells) times an image has more than "
          + "\(limits.most) of a class · max_detections tells how many count"
      ]
    figures = CocoFigures(classes[...])
    ofCategory = classes.indices.map { CocoFigures(classes[$0...$0]) }
  }
}

/// The metrics of detections on images whose objects are known.
/// - Parameters:
///   - categories: how many classes there are; a class is a number below it.
///   - limits: how many detections of an image and class count.
///   - workers: do not change the result.
/// - Throws: `.data` for a class out of range, numbers that are not finite, a missing mask, masks
///   of one image that differ in size.
package func evaluateCoco(
  groundTruth: [CocoObject], detections: [CocoDetection], kind: CocoKind, categories: Int,
  limits: CocoLimits = .standard, workers: Workers = Workers()
) throws(ScrlError) -> CocoMetrics {
  for (place, object) in groundTruth.enumerated() {
    try check(object, place, kind, categories: categories)
  }
  for (place, detection) in detections.enumerated() {
    try check(detection, place, kind, categories: categories)
  }
  if kind == .segm { try checkMaskSizes(groundTruth, detections) }
  let sorted = CocoCells(
    groundTruth, detections, categories: categories, most: limits.most, workers)
  let matcher = CocoMatcher(
    kind: kind, objects: groundTruth, detections: detections, sorted: sorted)
  var outcomes = [CocoOutcome](repeating: CocoOutcome(), count: detections.count)
  outcomes.withUnsafeMutableBufferPointer { buffer in
    let buffer = buffer
    workers.ranges(sorted.cells.count, grain: 16) { range in
      for cell in sorted.cells[range] { matcher.match(cell, buffer) }
    }
  }
  var classes = [CocoClass?](repeating: nil, count: categories)
  classes.withUnsafeMutableBufferPointer { buffer in
    let buffer = buffer
    workers.run(categories) { category in
      buffer[category] = CocoClass(CocoRanking(category, matcher, outcomes), limits)
    }
  }
  return CocoMetrics(classes, limits, beyond: sorted.beyond)
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

/// What is kept of a class that has objects.
private struct CocoClass: Sendable {
  let objects: [Int]  // (A) that count
  private(set) var precision: [[Double]]  // (A,T) mean over the recall points, largest limit
  private(set) var recall: [[Double]]  // (setting,T)
  private(set) var curves: [Double] = []  // (T,R) all areas, largest limit

  /// The ranges of area and limits of detections that the figures of recall are for.
  static let settings = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (3, 2)]

  init?(_ ranking: CocoRanking, _ limits: CocoLimits) {
    guard ranking.objects.contains(where: { $0 > 0 }) else { return nil }
    objects = ranking.objects
    precision = CocoRules.areas.map { _ in [] }
    recall = Self.settings.map { _ in [] }
    let kept = limits.values.map { ranking.outcomes(limit: $0) }
    for (setting, (area, limit)) in Self.settings.enumerated() where objects[area] > 0 {
      for threshold in CocoRules.thresholds.indices {
        let curve = PrecisionCurve(
          kept[limit], bit: CocoOutcome.bit(area: area, threshold: threshold),
          objects: objects[area])
        recall[setting].append(curve.recall)
        guard limit == limits.values.count - 1 else { continue }
        let sampled = curve.sampled()
        precision[area].append(sampled.reduce(0, +) / Double(sampled.count))
        if area == 0 { curves += sampled }
      }
    }
  }
}

extension CocoFigures {
  /// Means over the classes that have an object in a range.
  fileprivate init(_ classes: ArraySlice<CocoClass?>) {
    func mean(_ area: Int, _ thresholds: Range<Int>, _ of: (CocoClass) -> [Double]) -> Double {
      var (sum, count) = (0.0, 0)
      for case let one? in classes where one.objects[area] > 0 {
        sum += of(one)[thresholds].reduce(0, +)
        count += thresholds.count
      }
      return count == 0 ? -1 : sum / Double(count)
    }
    let all = CocoRules.thresholds.indices
    func ap(_ area: Int, _ thresholds: Range<Int>) -> Double {
      mean(area, thresholds) { $0.precision[area] }
    }
    let recalls = CocoClass.settings.enumerated().map { setting, pair in
      mean(pair.0, all) { $0.recall[setting] }
    }
    values = [ap(0, all), ap(0, 0..<1), ap(0, 5..<6), ap(1, all), ap(2, all), ap(3, all)] + recalls
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
