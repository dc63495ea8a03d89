// Matched boxes show the same place of the source in both views. Mapped back by an inverse of
// this file: undo the flip, divide by the zoom, add the crop's origin.

import ScrlBase
import ScrlImage

private let farthest = 4096  // side of the largest source

private struct Inverse {
  var undoesFlip = true
  var swapsZooms = false

  /// Left, top, right, bottom in source pixels; nil where the view's border clipped the edge.
  func edges(_ box: PixelBox, _ view: ViewGeometry, _ size: Double) -> [Double?] {
    func back(_ place: Float, _ origin: Int, _ extent: Int, mirrored: Bool) -> Double? {
      let place = Double(place)
      if place <= 0 || place >= size { return nil }
      return Double(origin) + (mirrored ? size - place : place) * Double(extent) / size
    }
    let crop = view.crop
    let (wide, high) = swapsZooms ? (crop.height, crop.width) : (crop.width, crop.height)
    let mirrored = undoesFlip && view.flipped
    var x = [box.x0, box.x1].map { back($0, crop.x, wide, mirrored: mirrored) }
    if mirrored { x.reverse() }
    let y = [box.y0, box.y1].map { back($0, crop.y, high, mirrored: false) }
    return [x[0], y[0], x[1], y[1]]
  }
}

/// What the many draws amount to.
private struct Findings {
  var boxes = 0, edges = 0, worst = 0.0
  var outside = 0, small = 0, crowded = 0, pairsForIoU = 0
  var flipped = Mutation()
  var swapped = Mutation()
  struct Mutation { var pairs = 0, caught = 0 }
}

func geometryRows(_ table: Table) {
  var found = Findings()
  for sampler in BoxOptions.Sampler.allCases {
    for size in [96, 224, 320] {
      for sample in 0..<2400 { examine(sampler, size, sample, &found) }
    }
  }
  let count = "\(found.boxes) box pairs"
  table.row(
    "boxes drawn, at least 100000", Double(min(found.boxes, 100_000)), 100_000, within: 0,
    "2 samplers · 3 view sizes · 4 flips · sources of 40 to \(farthest) px")
  table.row(
    "same place of the source in both views, px, \(count)", found.worst, 0, within: 1e-3,
    "2 views · ½ ulp(S) · \(farthest)/S ≤ 4e-4 for S = 96…320, in Float32")
  table.row("boxes outside their view", Double(found.outside), 0, within: 0, "clipped to 0…S")
  table.row(
    "boxes under min_size at the working zoom", Double(found.small), 0, within: 0,
    "unclipped boxes; 2e-3 px for Float32 edges")
  table.row(
    "box pairs with IoU ≥ 0.5 in view 1, of \(found.pairsForIoU)", Double(found.crowded), 0,
    within: 0, "10000 tries, so none is kept by force; 1e-4 for Float32 edges")
  let caught = { (m: Findings.Mutation) in Double(m.caught) / Double(max(m.pairs, 1)) }
  table.mustDiffer(
    "flip 2 left out: share of \(found.flipped.pairs) flipped pairs > 1e-3 px",
    caught(found.flipped), atLeast: 0.99, "a box in the middle of the view maps to itself")
  table.mustDiffer(
    "zooms x and y swapped: share of \(found.swapped.pairs) pairs > 1e-3 px",
    caught(found.swapped), atLeast: 0.99, "crops that are not square")
}

private func examine(
  _ sampler: BoxOptions.Sampler, _ size: Int, _ sample: Int, _ found: inout Findings
) {
  var stream = RandomStream(seed: 21, epoch: size, sample: sample, use: .test)
  let side = 40 << (sample / 4 % 7)  // 40, 80, … 2560
  let (width, height) = (min(farthest, side * 8 / 5), side)
  func crop() -> Crop {
    let w = stream.integer(in: width / 4..<width + 1)
    let h = stream.integer(in: height / 4..<height + 1)
    return Crop(
      y: stream.integer(in: 0..<height - h + 1), x: stream.integer(in: 0..<width - w + 1),
      height: h, width: w)
  }
  let one = ViewGeometry(crop: crop(), flipped: sample & 1 == 1)
  let two = ViewGeometry(crop: crop(), flipped: sample & 2 == 2)
  let least = max(8, size / 7)
  let zoomX = Double(size) / Double(max(one.crop.width, two.crop.width))
  let zoomY = Double(size) / Double(max(one.crop.height, two.crop.height))
  // Ten boxes under IoU 0.5 need room: where there is none, the last of 50 tries is kept.
  func shared(_ from: KeyPath<Crop, Int>, _ extent: KeyPath<Crop, Int>) -> Double {
    let (a, b) = (one.crop, two.crop)
    let end = min(a[keyPath: from] + a[keyPath: extent], b[keyPath: from] + b[keyPath: extent])
    return Double(end - max(a[keyPath: from], b[keyPath: from]))
  }
  let room = Double(4 * least)
  let hasRoom = shared(\.x, \.width) * zoomX > room && shared(\.y, \.height) * zoomY > room
  let options = BoxOptions(
    perImage: 10, minSize: least, sampler: sampler, attempts: hasRoom ? 10_000 : 50)
  var draws = RandomStream(seed: 22, epoch: size, sample: sample, use: .boxes)
  let pairs = matchedBoxes(one, two, size: size, options, &draws)
  for pair in pairs {
    judge(pair, one, two, Double(size), &found)
    let first = Inverse().edges(pair.0, one, Double(size))
    let edges = zip(first, Inverse().edges(pair.1, two, Double(size))).map { $0 ?? $1 }
    if let x0 = edges[0], let y0 = edges[1], let x1 = edges[2], let y1 = edges[3] {
      if (x1 - x0) * zoomX < Double(least) - 2e-3 || (y1 - y0) * zoomY < Double(least) - 2e-3 {
        found.small += 1
      }
    }
  }
  if hasRoom { compareOverlaps(pairs.map(\.0), Float(size), &found) }
}

private func judge(
  _ pair: (PixelBox, PixelBox), _ one: ViewGeometry, _ two: ViewGeometry, _ size: Double,
  _ found: inout Findings
) {
  found.boxes += 1
  for box in [pair.0, pair.1] {
    let limit = Float(size)
    let inside = box.x0 >= 0 && box.y0 >= 0 && box.x1 <= limit && box.y1 <= limit
    if !(inside && box.x0 < box.x1 && box.y0 < box.y1) { found.outside += 1 }
  }
  /// The largest disagreement of both views about an edge that neither border clipped.
  func disagreement(_ second: Inverse) -> Double? {
    zip(Inverse().edges(pair.0, one, size), second.edges(pair.1, two, size)).compactMap { a, b in
      guard let a, let b else { return nil }
      return (a - b).magnitude
    }.max()
  }
  if let apart = disagreement(Inverse()) {
    found.edges += 1
    found.worst = max(found.worst, apart)
  }
  if two.flipped, let apart = disagreement(Inverse(undoesFlip: false)) {
    found.flipped.pairs += 1
    if apart > 1e-3 { found.flipped.caught += 1 }
  }
  if two.crop.width != two.crop.height, let apart = disagreement(Inverse(swapsZooms: true)) {
    found.swapped.pairs += 1
    if apart > 1e-3 { found.swapped.caught += 1 }
  }
}

/// Among boxes that the border did not clip: those were compared as they are.
private func compareOverlaps(_ boxes: [PixelBox], _ size: Float, _ found: inout Findings) {
  let whole = boxes.filter { $0.x0 > 0 && $0.y0 > 0 && $0.x1 < size && $0.y1 < size }
  for (i, a) in whole.enumerated() {
    for b in whole[..<i] {
      found.pairsForIoU += 1
      if overlap(a, b) >= 0.5 + 1e-4 { found.crowded += 1 }
    }
  }
}

/// Intersection over union.
func overlap(_ a: PixelBox, _ b: PixelBox) -> Double {
  let width = Double(min(a.x1, b.x1)) - Double(max(a.x0, b.x0))
  let height = Double(min(a.y1, b.y1)) - Double(max(a.y0, b.y0))
  let both = max(0, width) * max(0, height)
  let area = { (c: PixelBox) in (Double(c.x1) - Double(c.x0)) * (Double(c.y1) - Double(c.y0)) }
  return both / (area(a) + area(b) - both)
}
