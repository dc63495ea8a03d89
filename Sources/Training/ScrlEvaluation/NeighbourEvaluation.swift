// k-NN evaluation: the class of each test image by the vote of the train images closest to it, on
// the frozen backbone's embeddings. Nothing is learnt, so nothing is tuned: the quickest judge.
// Letters: N train rows, M test rows, F features, k neighbours, T temperature.

import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlPretraining
import ScrlStore
import ScrlTensor

package struct NeighbourOptions: Equatable, Sendable {
  package var neighbours = 200  // k; of fewer train rows all
  package var temperature = 0.07  // T
  package var size: Int?  // side of the centre crop in pixels; nil: the model's
  package var trainImages: Int?  // at most so many labelled ones, drawn by the seed; nil: all
  package var testImages: Int?
  package var seed: UInt64 = 0
  package var viewThreads: Int?  // nil: as many as compute

  package init() {}

  package func check() throws(ScrlError) {
    func expect(_ isGood: Bool, _ what: String) throws(ScrlError) {
      guard isGood else { throw ScrlError(.argument, "evaluate_knn: got " + what) }
    }
    try expect(
      (1...1_000_000).contains(neighbours), "\(neighbours) neighbours · expected 1…1000000")
    // exp(−2/T) must not be 0: then the votes of far neighbours would be none.
    try expect(
      temperature >= 0.003 && temperature <= 1000,
      "temperature \(temperature) · expected 0.003 … 1000")
    if let size {
      try expect((1...ViewOptions.maxSize).contains(size), "size \(size) · expected 1…4096")
    }
    for limit in [trainImages, testImages].compactMap({ $0 }) {
      try expect(limit >= 1, "a limit of \(limit) images · expected 1 or more")
    }
    if let viewThreads {
      try expect((1...256).contains(viewThreads), "\(viewThreads) view threads · expected 1…256")
    }
  }
}

/// Accuracies are shares in 0 … 1.
package struct NeighbourReport: Equatable, Sendable {
  package var classes = 0  // distinct ones of the train images
  package var accuracy = 0.0
  package var top5 = 0.0
  package var chance = 0.0  // of always naming the train images' most frequent class
  package var neighbours = 0  // as used
  package var trainImages = 0
  package var testImages = 0
  package var leftOut = 0  // without a label, or unreadable
  package var unseen = 0  // test images of a class that train lacks: counted as wrong
  package var match = ClassMatch()
  package var seconds = 0.0
}

private let operation = "evaluate_knn"

/// Images of datasets through a backbone. Without `test` a fifth of train is held out.
package func evaluateNeighbours(
  _ backbone: Backbone, train: DatasetReader, test: DatasetReader?, _ options: NeighbourOptions,
  engine: any Engine, listener: @escaping EvaluationListener
) throws(ScrlError) -> NeighbourReport {
  let start = monotonicSeconds()
  try options.check()
  let matched = try MatchedLabels(train.imageClasses, test?.imageClasses, operation)
  let rows = try LabelledRows(
    train: train.labels, test: test.map { matched.inTrain($0.labels) }, seed: options.seed,
    limits: (options.trainImages, options.testImages), for: operation)
  let tally = Tally(operation, total: rows.train.count + rows.test.count, listener)
  let reading = ImageReading(
    operation: operation, size: options.size, seed: options.seed, threads: options.viewThreads)

  func embedded(
    _ dataset: DatasetReader, _ rows: [LabelledRow], _ name: String
  ) throws(ScrlError) -> (features: Tensor, rows: [LabelledRow]) {
    let source = try ImageFeatures(
      backbone, dataset, reading, isRandom: false, workers: engine.workers,
      advance: tally.advance)
    let found = try source.features(of: rows.map(\.index), epoch: 1)
    guard !found.places.isEmpty else {
      throw ScrlError(.data, "\(operation): none of \(rows.count) \(name) images can be read")
    }
    return (found.rows, found.places.map { rows[$0] })
  }
  let learnt = try embedded(train, rows.train, "train")
  let tested = try embedded(test ?? train, rows.test, "test")
  var report = try judge(
    learnt, tested, classes: rows.classes, options, engine
  ) { () throws(ScrlError) in
    try tally.advance(0)
  }
  report.chance = rows.chance
  report.match = matched.match
  matched.tell(unseen: report.unseen, "images", operation)
  report.leftOut =
    rows.unlabelled + rows.train.count + rows.test.count - report.trainImages
    - report.testImages
  report.seconds = monotonicSeconds() - start
  return report
}

/// Features that the host has: (N,F) and a label each, −1: left out.
package func evaluateNeighbours(
  features: Tensor, labels: [Int], test: (features: Tensor, labels: [Int])?,
  _ options: NeighbourOptions, engine: any Engine, listener: @escaping EvaluationListener
) throws(ScrlError) -> NeighbourReport {
  let start = monotonicSeconds()
  try options.check()
  try checkRows(features, labels, test, operation)
  let rows = try LabelledRows(
    train: labels, test: test?.labels, seed: options.seed,
    limits: (options.trainImages, options.testImages), for: operation)
  let tally = Tally(operation, total: rows.test.count, listener)
  let tested = try (test?.features ?? features).keeping(rows.test.map(\.index))
  var told = 0
  var report = try judge(
    (try features.keeping(rows.train.map(\.index)), rows.train), (tested, rows.test),
    classes: rows.classes, options, engine
  ) { () throws(ScrlError) in
    let block = min(NeighbourSearch.queryBlock, rows.test.count - told)
    told += block
    try tally.advance(block)
  }
  report.chance = rows.chance
  report.leftOut = rows.unlabelled
  report.seconds = monotonicSeconds() - start
  return report
}

/// - Parameter heard: called after every block of test rows.
private func judge(
  _ train: (features: Tensor, rows: [LabelledRow]),
  _ test: (features: Tensor, rows: [LabelledRow]), classes: Int, _ options: NeighbourOptions,
  _ engine: any Engine, heard: () throws(ScrlError) -> Void
) throws(ScrlError) -> NeighbourReport {
  let k = min(options.neighbours, train.rows.count)
  let hits = try neighbourHits(
    train, test, k: k, temperature: options.temperature, engine, heard: heard)
  var report = NeighbourReport()
  report.classes = classes
  report.neighbours = k
  report.trainImages = train.rows.count
  report.testImages = test.rows.count
  report.accuracy = Double(hits.first) / Double(test.rows.count)
  report.top5 = Double(hits.five) / Double(test.rows.count)
  report.unseen = test.rows.count { $0.label < 0 }
  return report
}

/// Test rows that the vote of their k closest train rows names rightly; features as they are.
func neighbourHits(
  _ train: (features: Tensor, rows: [LabelledRow]),
  _ test: (features: Tensor, rows: [LabelledRow]), k: Int, temperature: Double,
  _ engine: any Engine, heard: () throws(ScrlError) -> Void
) throws(ScrlError) -> Hits {
  let search = NeighbourSearch(
    bank: try unitRows(train.features, engine.workers), engine: engine)
  let vote = NeighbourVote(
    labels: train.rows.map(\.label), temperature: temperature)
  var hits = Hits()
  let queries = try unitRows(test.features, engine.workers)
  try search.forEachBlock(of: queries, k: k) { range, found throws(ScrlError) in
    for (place, neighbours) in zip(range, found) {
      hits += vote.hits(neighbours, label: test.rows[place].label)
    }
    try heard()
  }
  return hits
}
