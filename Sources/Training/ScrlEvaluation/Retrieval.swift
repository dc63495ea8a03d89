// Retrieval of boxes: for each labelled box, how many of the boxes closest to it by cosine, of other
// images, have its class. Nothing is learnt and nothing is held out.
// Letters: K boxes, F features, R boxes of the query's class in other images.

import ScrlBase
import ScrlKernels
import ScrlPretraining
import ScrlStore
import ScrlTensor

/// Means over the boxes that have a box of their class in another image.
package struct RetrievalReport: Equatable, Sendable {
  package static let depths = [1, 5, 20]

  package var precision = [0.0, 0, 0]  // of the 1, 5, 20 closest
  package var meanAveragePrecision = 0.0
  package var chance = 0.0  // mean share of the query's class among the boxes of other images
  package var boxes = 0  // asked
  package var alone = 0  // boxes without another of their class elsewhere: not asked
  package var images = 0
  package var classes = 0
  package var leftOut = 0
  package var seconds = 0.0
}

private let operation = "evaluate_retrieval"

/// Boxes of a dataset through a backbone; of the options those of training mean nothing here.
package func evaluateRetrieval(
  _ backbone: Backbone, _ dataset: DatasetReader, _ options: RegionOptions, engine: any Engine,
  listener: @escaping EvaluationListener
) throws(ScrlError) -> RetrievalReport {
  let start = monotonicSeconds()
  try options.check(operation)
  let candidates = RegionFeatures.candidates(dataset)
  guard !candidates.isEmpty else {
    throw ScrlError(
      .data,
      "\(operation): \(dataset.path): \(dataset.whyNoObject(unused: .crowd)) · expected boxes with a "
        + "class that are no crowds")
  }
  let samples = drawn(candidates.count, limit: options.testImages, seed: options.seed)
    .map { candidates[$0] }
  let tally = Tally(operation, total: samples.count, listener)
  let found = try RegionFeatures(
    backbone, dataset, samples, options, operation, workers: engine.workers,
    advance: tally.advance)
  var report = try Retrieval(found.rows, found.labels, found.images, engine)
    .report { _ throws(ScrlError) in try tally.advance(0) }
  report.leftOut = found.leftOut
  report.seconds = monotonicSeconds() - start
  return report
}

/// Features (K,F) that the host has, with the class and the image of each row.
package func evaluateRetrieval(
  features: Tensor, labels: [Int], images: [Int], engine: any Engine,
  listener: @escaping EvaluationListener
) throws(ScrlError) -> RetrievalReport {
  let start = monotonicSeconds()
  try checkRows(features, labels, nil, operation)
  let kept = labels.indices.filter { labels[$0] >= 0 }
  guard !kept.isEmpty else {
    throw ScrlError(.data, "\(operation): none of \(labels.count) rows has a label")
  }
  let tally = Tally(operation, total: kept.count, listener)
  var report = try Retrieval(
    try features.keeping(kept), kept.map { labels[$0] }, kept.map { images[$0] }, engine
  ).report(tally.advance)
  report.leftOut = labels.count - kept.count
  report.seconds = monotonicSeconds() - start
  return report
}

private struct Retrieval {
  private static let block = 1 << 22  // similarities held at a time

  private let unit: Tensor  // (K,F)
  private let labels: [Int]  // (K)
  private let images: [Int]  // (K)
  private let engine: any Engine

  init(
    _ rows: Tensor, _ labels: [Int], _ images: [Int], _ engine: any Engine
  ) throws(ScrlError) {
    unit = try unitRows(rows, engine.workers)
    (self.labels, self.images, self.engine) = (labels, images, engine)
  }

  /// - Parameter heard: how many rows were asked since the last call.
  func report(_ heard: (Int) throws(ScrlError) -> Void) throws(ScrlError) -> RetrievalReport {
    let count = unit.shape[0]
    var answers = [Answer?](repeating: nil, count: count)
    for range in batches(of: count, max(1, min(128, Retrieval.block / count))) {
      let products = try engine.linear(unit.images(range), weight: unit, bias: nil)
      answers.withUnsafeMutableBufferPointer { answers in
        nonisolated(unsafe) let answers = answers
        engine.workers.ranges(range.count, grain: 4) { places in
          for place in places {
            let query = range.lowerBound + place
            answers[query] = answer(query, products.pointer + place * count)
          }
        }
      }
      try heard(range.count)
    }
    return try summary(answers.compactMap { $0 })
  }

  private func summary(_ asked: [Answer]) throws(ScrlError) -> RetrievalReport {
    guard !asked.isEmpty else {
      throw ScrlError(
        .data,
        "\(operation): none of \(labels.count) boxes has another of its class in another image")
    }
    var report = RetrievalReport()
    func mean(_ value: (Answer) -> Double) -> Double {
      asked.reduce(0) { $0 + value($1) } / Double(asked.count)
    }
    for place in RetrievalReport.depths.indices {
      report.precision[place] = mean { $0.precision[place] }
    }
    report.meanAveragePrecision = mean(\.averagePrecision)
    report.chance = mean(\.chance)
    report.boxes = asked.count
    report.alone = labels.count - asked.count
    report.images = Set(images).count
    report.classes = Set(labels).count
    return report
  }

  private struct Answer {
    let precision: [Double]
    let averagePrecision: Double
    let chance: Double
  }

  /// Ranks the boxes of other images by similarities (K); nil: none has the query's class. The
  /// relevant ones are sorted; each other box then only counts towards the ranks behind it.
  private func answer(_ query: Int, _ similarities: UnsafePointer<Float>) -> Answer? {
    var relevant: [Neighbour] = []
    for row in labels.indices where labels[row] == labels[query] && images[row] != images[query] {
      relevant.append(Neighbour(row: row, similarity: similarities[row]))
    }
    guard !relevant.isEmpty else { return nil }
    relevant.sort { $0.isCloser(than: $1) }
    var before = [Int](repeating: 0, count: relevant.count + 1)  // others ahead of relevant place
    var candidates = relevant.count
    for row in labels.indices where labels[row] != labels[query] && images[row] != images[query] {
      let other = Neighbour(row: row, similarity: similarities[row])
      var (low, high) = (0, relevant.count)  // the first relevant place that it is ahead of
      while low < high {
        let middle = (low + high) / 2
        if other.isCloser(than: relevant[middle]) { high = middle } else { low = middle + 1 }
      }
      before[low] += 1
      candidates += 1
    }
    var sum = 0.0
    var others = 0
    var found = RetrievalReport.depths.map { _ in 0 }
    for place in relevant.indices {
      others += before[place]
      let rank = place + 1 + others
      sum += Double(place + 1) / Double(rank)
      for (depth, most) in RetrievalReport.depths.enumerated() where rank <= most {
        found[depth] += 1
      }
    }
    let precision = zip(found, RetrievalReport.depths).map { found, depth in
      Double(found) / Double(min(depth, candidates))
    }
    return Answer(
      precision: precision, averagePrecision: sum / Double(relevant.count),
      chance: Double(relevant.count) / Double(candidates))
  }
}
