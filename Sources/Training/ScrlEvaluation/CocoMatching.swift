// Which detections find an object: one cell (class and image) at ten overlaps and four ranges of
// area. D detections, best first; G objects. The rules are COCO's:
//   - a detection takes the free object that it overlaps most, from the threshold on; of equal
//     overlaps the later object
//   - crowds and objects outside the range of area are ignored: they come last, a detection takes
//     one only when no other object will do, and then counts neither for nor against
//   - a crowd may be taken by any number of detections
//   - a detection without an object is ignored when its own area is outside the range

import ScrlBase
import ScrlImage

enum CocoRules {
  static let thresholds = points(from: 0.5, to: 0.95, count: 10)
  static let recalls = points(from: 0, to: 1, count: 101)
  static let mostDetections = 1_000_000
  /// All, small, medium, large; both ends belong to a range.
  static let areas: [ClosedRange<Double>] = [0...1e10, 0...1024, 1024...9216, 9216...1e10]

  /// To the bit as numpy's linspace computes them.
  private static func points(from start: Double, to end: Double, count: Int) -> [Double] {
    let step: Double = (end - start) / Double(count - 1)
    return (0..<count).map { (place: Int) -> Double in
      place == count - 1 ? end : Double(place) * step + start
    }
  }
}

/// One detection's fate: bit 10·area + threshold.
struct CocoOutcome {
  var found: UInt64 = 0
  var ignored: UInt64 = 0

  static func bit(area: Int, threshold: Int) -> UInt64 {
    1 << UInt64(area * CocoRules.thresholds.count + threshold)
  }

  static func bits(area: Int) -> UInt64 {
    (1 << UInt64(CocoRules.thresholds.count) - 1) << UInt64(area * CocoRules.thresholds.count)
  }
}

struct CocoMatcher {
  let kind: CocoKind
  let objects: [CocoObject]
  let detections: [CocoDetection]
  let sorted: CocoCells

  /// Fills in the outcomes of a cell's kept detections, by their places in detectionOrder.
  func match(_ cell: CocoCells.Cell, _ outcomes: UnsafeMutableBufferPointer<CocoOutcome>) {
    let start = cell.detections.lowerBound
    let mine = sorted.detectionOrder[start..<start + cell.kept].map { detections[$0] }
    let truths = sorted.objectOrder[cell.objects].map { objects[$0] }
    let overlaps = overlaps(mine, truths)
    var taken = [Bool](repeating: false, count: truths.count)
    for (area, range) in CocoRules.areas.enumerated() {
      if truths.isEmpty {
        for (place, detection) in mine.enumerated() where !range.contains(detection.area) {
          outcomes[start + place].ignored |= CocoOutcome.bits(area: area)
        }
        continue
      }
      let isIgnored = truths.map { $0.isCrowd || !range.contains($0.area) }
      let order = truths.indices.filter { !isIgnored[$0] } + truths.indices.filter { isIgnored[$0] }
      for (number, threshold) in CocoRules.thresholds.enumerated() {
        let bit = CocoOutcome.bit(area: area, threshold: number)
        for object in truths.indices { taken[object] = false }
        for place in mine.indices {
          let chosen = choice(
            overlaps[(place * truths.count)..<((place + 1) * truths.count)], order, isIgnored,
            taken, truths, from: threshold)
          if let chosen {
            taken[chosen] = true
            if isIgnored[chosen] { outcomes[start + place].ignored |= bit }
          }
          if let chosen, truths[chosen].isCounted {
            outcomes[start + place].found |= bit
          } else if !range.contains(mine[place].area) {
            outcomes[start + place].ignored |= bit
          }
        }
      }
    }
  }

  /// The object that a detection takes.
  @inline(__always)
  private func choice(
    _ overlaps: ArraySlice<Double>, _ order: [Int], _ isIgnored: [Bool], _ taken: [Bool],
    _ truths: [CocoObject], from threshold: Double
  ) -> Int? {
    var least = min(threshold, 1 - 1e-10)
    var chosen: Int?
    for object in order {
      if taken[object] && !truths[object].isCrowd { continue }
      if let chosen, !isIgnored[chosen], isIgnored[object] { break }
      let overlap = overlaps[overlaps.startIndex + object]
      if overlap < least { continue }
      least = overlap
      chosen = object
    }
    return chosen
  }

  /// (D,G)
  private func overlaps(_ mine: [CocoDetection], _ truths: [CocoObject]) -> [Double] {
    guard !mine.isEmpty, !truths.isEmpty else { return [] }
    var overlaps: [Double] = []
    overlaps.reserveCapacity(mine.count * truths.count)
    switch kind {
    case .bbox:
      for detection in mine {
        for truth in truths {
          overlaps.append(boxOverlap(detection.box, truth.box, isCrowd: truth.isCrowd))
        }
      }
    case .segm:
      let measured = truths.map { $0.mask.map(MeasuredMask.init) }
      for detection in mine {
        let mask = detection.mask.map(MeasuredMask.init)
        for (truth, other) in zip(truths, measured) {
          guard let mask, let other else {
            overlaps.append(0)
            continue
          }
          overlaps.append(mask.overlap(with: other, isCrowd: truth.isCrowd))
        }
      }
    }
    return overlaps
  }
}

/// IoU of two boxes; for a crowd region its share of the detection.
package func boxOverlap(_ detection: CocoBox, _ truth: CocoBox, isCrowd: Bool) -> Double {
  let width =
    min(detection.width + detection.x, truth.width + truth.x) - max(detection.x, truth.x)
  guard width > 0 else { return 0 }
  let height =
    min(detection.height + detection.y, truth.height + truth.y) - max(detection.y, truth.y)
  guard height > 0 else { return 0 }
  let shared = width * height
  return shared / (isCrowd ? detection.area : detection.area + truth.area - shared)
}
