// Box distributions against reference/boxes.py: Kolmogorov & Smirnov's distance of what this
// library draws from the reference's distribution functions, which are kept at 256 places each.

import Glibc
import ScrlBase
import ScrlImage

private let images = 50_000
private let referenceImages = 100_000.0  // drawn by make_fixtures.py

func distributionRows(_ table: Table, _ folder: Fixtures) throws {
  let cases = try folder.array("boxes_cases")
  let rows = 17 * cases.shape[0]
  // P(distance > t) ≤ 2·exp(−2 t² nm/(n + m)); 1e-6 over all rows. Discrete values and 256 places
  // make it smaller still.
  let ratio = Double(images) * referenceImages / (Double(images) + referenceImages)
  let tolerance = (log(2 * Double(rows) / 1e-6) / (2 * ratio)).squareRoot()
  for index in 0..<cases.shape[0] {
    let c = Array(cases.row(index))
    let reference = try folder.array("boxes_\(index)")
    let samples = draw(Case(c))
    var worst = (distance: -1.0, name: "")
    for (place, sample) in samples.enumerated() {
      let upper = place == 16 ? 1 : c[10]
      let distance = distance(sample, Array(reference.row(place)), upper)
      if distance > worst.distance { worst = (distance, quantityName(place)) }
    }
    let kind = "\(c[11] == 1 ? "grid" : "plain") iou \(short(c[12])) jitter \(short(c[13]))"
    table.row(
      "boxes, pair \(index) (\(kind)): worst of 17 KS, \(worst.name)", worst.distance, 0,
      within: tolerance,
      "√(ln(2·\(rows)/1e-6)·(n+m)/2nm), n = \(images), m = \(Int(referenceImages))")
  }
  try skippedRow(table, folder)
}

private struct Case {
  let one, two: ViewGeometry
  let size: Int
  let options: BoxOptions

  init(_ c: [Double]) {
    func view(_ c: ArraySlice<Double>) -> ViewGeometry {
      let v = c.map { Int($0) }
      return ViewGeometry(
        crop: Crop(y: v[0], x: v[1], height: v[2], width: v[3]), flipped: v[4] == 1)
    }
    (one, two, size) = (view(c[0..<5]), view(c[5..<10]), Int(c[10]))
    options = BoxOptions(
      perImage: 10, minSize: Int(c[14]), iouThreshold: c[12], sampler: c[11] == 1 ? .grid : .plain,
      jitter: c[13])
  }
}

/// 17 samples: view, box 0 or 9, then x0, y0, width, height; last the largest IoU of box 9 with
/// an earlier one. One value per image each, so that values are independent.
private func draw(_ c: Case) -> [[Double]] {
  var samples = [[Double]](repeating: [], count: 17)
  for image in 0..<images {
    var stream = RandomStream(seed: 31, sample: image, use: .boxes)
    let pairs = matchedBoxes(c.one, c.two, size: c.size, c.options, &stream)
    guard let first = pairs.first, let last = pairs.last, pairs.count == 10 else { continue }
    for (place, box) in [first.0, last.0, first.1, last.1].enumerated() {
      samples[4 * place].append(Double(box.x0))
      samples[4 * place + 1].append(Double(box.y0))
      samples[4 * place + 2].append(Double(box.x1) - Double(box.x0))
      samples[4 * place + 3].append(Double(box.y1) - Double(box.y0))
    }
    samples[16].append(pairs.dropLast().map { overlap(last.0, $0.0) }.max() ?? 0)
  }
  return samples
}

private func quantityName(_ place: Int) -> String {
  if place == 16 { return "IoU of box 9" }
  let coordinate = ["x0", "y0", "width", "height"][place % 4]
  return "\(coordinate) of box \(place / 4 % 2 * 9), view \(place / 8 + 1)"
}

private func distance(_ sample: [Double], _ reference: [Double], _ upper: Double) -> Double {
  let sorted = sample.sorted()
  guard !sorted.isEmpty else { return .nan }
  var (worst, below) = (0.0, 0)
  for (k, expected) in reference.enumerated() {
    let place = (Double(k) + 0.5) * upper / Double(reference.count) + 0.00137
    while below < sorted.count, sorted[below] <= place { below += 1 }
    worst = max(worst, (Double(below) / Double(sorted.count) - expected).magnitude)
  }
  return worst
}

private func skippedRow(_ table: Table, _ folder: Fixtures) throws {
  let cases = try folder.array("boxes_skips")
  var (wrong, skipped, expected) = (0, 0, 0)
  for index in 0..<cases.shape[0] {
    let c = cases.row(index).map { Int($0) }
    let one = ViewGeometry(crop: Crop(y: c[0], x: c[1], height: c[2], width: c[3]), flipped: false)
    let two = ViewGeometry(crop: Crop(y: c[4], x: c[5], height: c[6], width: c[7]), flipped: false)
    var stream = RandomStream(seed: 32, sample: index, use: .boxes)
    let count = matchedBoxes(one, two, size: 224, BoxOptions(), &stream).count
    if count != (c[8] == 1 ? 10 : 0) { wrong += 1 }
    if count == 0 { skipped += 1 }
    if c[8] == 0 { expected += 1 }
  }
  table.row(
    "images left out, of \(cases.shape[0]) random crop pairs", Double(skipped), Double(expected),
    within: 0, "a rule without chance")
  table.row(
    "crop pairs with another number of boxes than 0 or 10 as expected", Double(wrong), 0,
    within: 0, "a rule without chance")
}
