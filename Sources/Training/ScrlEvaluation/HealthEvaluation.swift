// The health of a backbone's features, without labels: do they vary, along how many directions, and
// are two views of one thing more alike than different things?
// Letters: n images, K boxes, F features.

import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlPretraining
import ScrlNN
import ScrlStore
import ScrlTensor

package struct HealthOptions: Equatable, Sendable {
  package enum Rows: Sendable { case views, regions }

  package var pairs = PairOptions()
  package var rows: Rows?  // nil: regions for a model of SCRL, else whole views
  package init() {}
}

package struct HealthReport: Equatable, Sendable {
  package var health: Health
  package var rows = 0  // pairs
  package var features = 0  // F
  package var images = 0  // that gave rows
  package var leftOut = 0  // unreadable, or views without a matched region
  package var seconds = 0.0
}

/// Rows looked at for the effective rank: a second of LAPACK's, not a minute.
private let rankRows = 1024
private let operation = "evaluate_health"

/// View pairs of a dataset, as the model's own method makes them, through its backbone.
package func evaluateHealth(
  _ backbone: Backbone, _ dataset: DatasetReader, _ options: HealthOptions, engine: any Engine,
  listener: @escaping EvaluationListener
) throws(ScrlError) -> HealthReport {
  let start = monotonicSeconds()
  try options.pairs.check(operation)
  let config = backbone.config
  let usesRegions =
    (options.rows ?? (config.method.unit == .regions ? .regions : .views)) == .regions
  let samples = drawn(dataset.count, limit: options.pairs.images, seed: options.pairs.seed)
  let tally = Tally(operation, total: samples.count, listener)
  let pairs = try ViewPairs(
    config, dataset, options.pairs.reading(operation),
    distorts: config.augmentation == .simclr, boxes: usesRegions ? config.boxesPerImage : 0,
    workers: engine.workers)
  let stage = options.pairs.stage ?? (usesRegions ? config.roiStage : config.trainedStage)
  var (ones, twos, owners): ([Float], [Float], [Int]) = ([], [], [])
  for range in batches(of: samples.count, ImageFeatures.chunk / 2) {
    let (views, geometry, kept) = try pairs.make(Array(samples[range]))
    var (boxes, images): ([RegionBox], [Int]) = ([], [])
    for side in 0..<2 {
      for (place, each) in geometry.enumerated() {
        let found =
          usesRegions
          ? each.boxes.map { side == 0 ? $0.0 : $0.1 } : [PixelBox(whole: pairs.size)]
        boxes += found.map { $0.region(image: side * geometry.count + place) }
        if side == 0 { images += found.map { _ in kept[place] } }
      }
    }
    if !boxes.isEmpty {
      let rows =
        usesRegions
        ? try backbone.embedRegions(views, boxes: boxes, stage: stage)
        : try backbone.embed(views, stage: stage)
      let half = rows.count / 2
      ones += rows.buffer[..<half]
      twos += rows.buffer[half...]
      owners += images
    }
    try tally.advance(range.count)
  }
  guard !owners.isEmpty else {
    throw ScrlError(
      .data, "\(operation): none of \(samples.count) images gave a pair of views to look at")
  }
  let width = backbone.channels(of: stage)
  let rows = try Tensor(ones + twos, shape: [2 * owners.count, width])
  guard rows.buffer.allSatisfy(\.isFinite) else {
    throw ScrlError(
      .diverged, "\(operation): the backbone's features are not finite · expected numbers")
  }
  var report = HealthReport(
    health: try Health(
      of: rows, paired: true, groups: owners + owners, most: rankRows, engine.workers))
  (report.rows, report.features) = (owners.count, width)
  report.images = Set(owners).count
  report.leftOut = samples.count - report.images
  report.seconds = monotonicSeconds() - start
  return report
}

/// Features (N,F) that the host has, and perhaps those of other views of the same things, row by row.
/// Their rank is that of all rows.
package func evaluateHealth(
  features: Tensor, partners: Tensor?, engine: any Engine
) throws(ScrlError) -> HealthReport {
  let start = monotonicSeconds()
  let shape = features.shape
  guard shape.count == 2, shape[0] > 1, partners.map({ $0.shape == shape }) ?? true else {
    throw ScrlError(
      .shape,
      "\(operation): got features \(shape), partners \(partners?.shape ?? []) · expected (N,F), "
        + "N ≥ 2, and partners alike")
  }
  try checkFinite(features, "features'", operation)
  if let partners { try checkFinite(partners, "partners'", operation) }
  let rows =
    try partners.map { partners throws(ScrlError) in
      try Tensor(features.array + partners.array, shape: [2 * shape[0], shape[1]])
    } ?? features
  var report = HealthReport(
    health: try Health(of: rows, paired: partners != nil, most: nil, engine.workers))
  (report.rows, report.features, report.images) = (shape[0], shape[1], shape[0])
  report.seconds = monotonicSeconds() - start
  return report
}

extension PixelBox {
  fileprivate init(whole size: Int) {
    self.init(x0: 0, y0: 0, x1: Float(size), y1: Float(size))
  }
}
