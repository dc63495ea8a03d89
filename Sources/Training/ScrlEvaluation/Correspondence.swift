// Dense correspondence: does a place of view 1 find itself in view 2? Both are crops of one image,
// perhaps mirrored, whose geometry is known, so no label is needed. For cells of view 1 inside the
// overlap the most alike cell of view 2 is taken; the error is the distance of the two cells' centres
// in the source image.
// Letters: n images, C channels, h×w cells of a view, S its side in pixels, Q cells asked.
//
// A cell (i, j) stands for the place ((j + ½)·S/w, (i + ½)·S/h) of its view, as in PixPro and DenseCL:
// the one choice that mirroring leaves as it is.

import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlPretraining
import ScrlNN
import ScrlStore
import ScrlTensor

package struct CorrespondenceOptions: Equatable, Sendable {
  package var pairs = PairOptions()
  package var grid = 16  // cells asked along a side, evenly spaced; all where there are fewer
  package var distorts = false  // colours and blur change too

  package init() {}

  func check() throws(ScrlError) {
    try pairs.check(operation)
    guard (1...256).contains(grid) else {
      throw ScrlError(.argument, "\(operation): got grid \(grid) · expected 1…256")
    }
  }
}

/// Errors in pixels of the source images; shares in 0 … 1.
package struct CorrespondenceReport: Equatable, Sendable {
  package var meanError = 0.0
  package var medianError = 0.0
  package var withinCell = 0.0  // at most a cell of view 2 away, along both axes
  package var chanceError = 0.0  // mean, of a cell of view 2 taken blindly
  package var chanceWithin = 0.0
  package var leastError = 0.0  // mean, of the nearest cell of view 2: no match can be better
  package var cells = 0  // asked
  package var images = 0  // with cells to ask
  package var leftOut = 0  // unreadable, or views without a common cell
  package var seconds = 0.0
}

private let operation = "evaluate_correspondence"

package func evaluateCorrespondence(
  _ backbone: Backbone, _ dataset: DatasetReader, _ options: CorrespondenceOptions,
  engine: any Engine, listener: @escaping EvaluationListener
) throws(ScrlError) -> CorrespondenceReport {
  let start = monotonicSeconds()
  try options.check()
  let stage = options.pairs.stage ?? backbone.config.trainedStage
  let samples = drawn(dataset.count, limit: options.pairs.images, seed: options.pairs.seed)
  let tally = Tally(operation, total: samples.count, listener)
  let pairs = try ViewPairs(
    backbone.config, dataset, options.pairs.reading(operation), distorts: options.distorts,
    boxes: 0, workers: engine.workers)
  var errors = MatchErrors()
  for range in batches(of: samples.count, ImageFeatures.chunk / 2) {
    let (views, geometry, _) = try pairs.make(Array(samples[range]))
    if !geometry.isEmpty {
      let maps = try backbone.features(views, stage: stage)
      guard maps.buffer.allSatisfy(\.isFinite) else {
        throw ScrlError(
          .diverged, "\(operation): the backbone's features are not finite · expected numbers")
      }
      for (place, each) in geometry.enumerated() {
        let cells = CellPair(
          each.view1, each.view2, height: maps.shape[2], width: maps.shape[3])
        let asked = cells.overlapping(grid: options.grid)
        guard !asked.isEmpty else { continue }
        let partner = place + geometry.count
        let found = try closestCells(
          maps.images(place..<place + 1), asked, maps.images(partner..<partner + 1), engine)
        errors.add(cells, asked, found)
      }
    }
    try tally.advance(range.count)
  }
  var report = try errors.report(of: samples.count)
  report.seconds = monotonicSeconds() - start
  return report
}

/// For each asked cell of a map (1,C,h,w) the cell of another whose vector has the largest cosine; of
/// equals the first.
func closestCells(
  _ one: Tensor, _ asked: [Int], _ two: Tensor, _ engine: any Engine
) throws(ScrlError) -> [Int] {
  let (channels, cells) = (one.shape[1], one.shape[2] * one.shape[3])
  let queries = try Tensor(uninitialized: [asked.count, channels])
  for (place, cell) in asked.enumerated() {
    for c in 0..<channels {
      queries.pointer[place &* channels &+ c] = one.pointer[c &* cells &+ cell]
    }
  }
  // A query's own length does not change which cell is closest.
  let targets = try Tensor(uninitialized: [cells, channels])
  for cell in 0..<cells {
    for c in 0..<channels {
      targets.pointer[cell &* channels &+ c] = two.pointer[c &* cells &+ cell]
    }
  }
  let unit = try unitRows(targets, engine.workers)
  let products = try engine.linear(queries, weight: unit, bias: nil)  // (Q, h·w)
  return asked.indices.map { place in
    let row = products.pointer + place * cells
    var best = 0
    for cell in 1..<max(cells, 1) where row[cell] > row[best] { best = cell }
    return best
  }
}

/// Where the cells of two views of one image lie in it.
struct CellPair {
  let height: Int  // h
  let width: Int  // w
  private let one: ViewGeometry
  private let two: ViewGeometry

  init(_ one: ViewGeometry, _ two: ViewGeometry, height: Int, width: Int) {
    (self.height, self.width) = (height, width)
    (self.one, self.two) = (one, two)
  }

  typealias Place = (x: Double, y: Double)  // source pixels

  func placeInOne(_ cell: Int) -> Place { place(cell, one) }
  func placeInTwo(_ cell: Int) -> Place { place(cell, two) }

  /// Source pixels of a cell of view 2.
  var cellOfTwo: Place {
    (Double(two.crop.width) / Double(width), Double(two.crop.height) / Double(height))
  }

  private func place(_ cell: Int, _ view: ViewGeometry) -> Place {
    let (row, column) = (cell / width, cell % width)
    let across = (Double(column) + 0.5) / Double(width)
    let x = view.flipped ? 1 - across : across
    let y = (Double(row) + 0.5) / Double(height)
    return (
      Double(view.crop.x) + x * Double(view.crop.width),
      Double(view.crop.y) + y * Double(view.crop.height)
    )
  }

  /// Cells of view 1, at most grid×grid of them, whose centre view 2 shows.
  func overlapping(grid: Int) -> [Int] {
    func spaced(_ count: Int) -> [Int] {
      let taken = min(count, grid)
      return (0..<taken).map { (2 * $0 + 1) * count / (2 * taken) }
    }
    let (columns, crop) = (spaced(width), two.crop)
    return spaced(height).flatMap { row in columns.map { row * width + $0 } }.filter { cell in
      let (x, y) = placeInOne(cell)
      return x >= Double(crop.x) && x < Double(crop.x + crop.width)
        && y >= Double(crop.y) && y < Double(crop.y + crop.height)
    }
  }
}

/// Adds up the errors of matches, and of what blind and perfect ones would have made.
struct MatchErrors {
  private var errors: [Double] = []
  private var within = 0.0
  private var blind = 0.0
  private var blindWithin = 0.0
  private var least = 0.0
  private var images = 0

  mutating func add(_ cells: CellPair, _ asked: [Int], _ found: [Int]) {
    images += 1
    let all = (0..<cells.height * cells.width).map(cells.placeInTwo)
    let cell = cells.cellOfTwo
    for (query, match) in zip(asked, found) {
      let (x, y) = cells.placeInOne(query)
      var (sum, near, smallest) = (0.0, 0.0, Double.infinity)
      for (place, target) in all.enumerated() {
        let (dx, dy) = ((target.x - x).magnitude, (target.y - y).magnitude)
        let distance = (dx * dx + dy * dy).squareRoot()
        let isNear = dx <= cell.x && dy <= cell.y
        sum += distance
        near += isNear ? 1 : 0
        smallest = min(smallest, distance)
        guard place == match else { continue }
        errors.append(distance)
        within += isNear ? 1 : 0
      }
      blind += sum / Double(all.count)
      blindWithin += near / Double(all.count)
      least += smallest
    }
  }

  func report(of samples: Int) throws(ScrlError) -> CorrespondenceReport {
    guard !errors.isEmpty else {
      throw ScrlError(
        .data, "\(operation): none of \(samples) images gave two views that share a cell")
    }
    let count = Double(errors.count)
    let sorted = errors.sorted()
    var report = CorrespondenceReport()
    report.meanError = errors.reduce(0, +) / count
    report.medianError = (sorted[sorted.count / 2] + sorted[(sorted.count - 1) / 2]) / 2
    report.withinCell = within / count
    report.chanceError = blind / count
    report.chanceWithin = blindWithin / count
    report.leastError = least / count
    (report.cells, report.images) = (errors.count, images)
    report.leftOut = samples - images
    return report
  }
}
