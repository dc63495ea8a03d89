// Region-linear evaluation: the class of ground-truth boxes by one linear layer, and by the vote of
// the closest train boxes, on RoIAligned features of the frozen backbone. What a detector's second
// stage starts from, without training a detector.

import ScrlBase
import ScrlKernels
import ScrlPretraining
import ScrlStore
import ScrlTensor

/// Accuracies are shares of the test boxes, in 0 … 1.
package struct RegionReport: Equatable, Sendable {
  package var classes = 0  // distinct ones of the train boxes
  package var linear = 0.0  // after the last epoch
  package var linearTop5 = 0.0
  package var neighbour = 0.0
  package var neighbourTop5 = 0.0
  package var chance = 0.0  // of always naming the train boxes' most frequent class
  package var trainBoxes = 0
  package var testBoxes = 0
  package var trainImages = 0
  package var testImages = 0
  package var leftOut = 0  // boxes of these images: no label, crowd, empty, unreadable
  package var unseen = 0  // test boxes of a class that train lacks: counted as wrong
  package var match = ClassMatch()
  package var neighbours = 0  // as used
  package var batch = 0
  package var baseRate = 0.0
  package var seconds = 0.0
}

private let operation = "evaluate_regions"

/// Boxes of datasets through a backbone. Without `test` a fifth of train's images is held out.
package func evaluateRegions(
  _ backbone: Backbone, train: DatasetReader, test: DatasetReader?, _ options: RegionOptions,
  engine: any Engine, listener: @escaping EvaluationListener
) throws(ScrlError) -> RegionReport {
  let start = monotonicSeconds()
  try options.check(operation)
  let matched = try MatchedLabels(train.boxClasses, test?.boxClasses, operation)
  let split = try ImageSplit(train, test, options)
  let total = split.train.count + split.test.count
  let tally = Tally(operation, total: total, listener)
  func features(_ dataset: DatasetReader, _ samples: [Int]) throws(ScrlError) -> RegionFeatures {
    try RegionFeatures(
      backbone, dataset, samples, options, operation, workers: engine.workers,
      advance: tally.advance)
  }
  let learnt = try features(train, split.train)
  let tested = try features(test ?? train, split.test)
  let rows = try LabelledRows(
    train: learnt.labels, test: matched.inTrain(tested.labels), seed: options.seed, for: operation)

  var report = RegionReport()
  report.classes = rows.classes
  report.chance = rows.chance
  (report.trainBoxes, report.testBoxes) = (rows.train.count, rows.test.count)
  (report.trainImages, report.testImages) = (Set(learnt.images).count, Set(tested.images).count)
  report.leftOut = learnt.leftOut + tested.leftOut
  report.unseen = rows.test.count { $0.label < 0 }
  report.match = matched.match
  matched.tell(unseen: report.unseen, "boxes", operation)

  // Neighbours first: the linear layer standardises the features in place.
  report.neighbours = min(options.neighbours, rows.train.count)
  let hits = try neighbourHits(
    (learnt.rows, rows.train), (tested.rows, rows.test), k: report.neighbours,
    temperature: NeighbourOptions().temperature, engine
  ) { () throws(ScrlError) in try tally.advance(0) }
  report.neighbour = Double(hits.first) / Double(rows.test.count)
  report.neighbourTop5 = Double(hits.five) / Double(rows.test.count)

  let linear = options.linear(operation)
  let recipe = try LinearRecipe(linear, model: nil, trainImages: rows.train.count)
  let meter = Meter(operation, epochs: recipe.epochs, countsRows: false, total: total) { _ in
    listener(total, total)
  }
  let found = try LinearRun(
    rows, recipe, linear, train: StoredFeatures(learnt.rows), test: StoredFeatures(tested.rows),
    meter, engine: engine
  ).report()
  (report.linear, report.linearTop5) = (found.accuracy, found.top5)
  (report.batch, report.baseRate) = (found.batch, found.baseRate)
  report.seconds = monotonicSeconds() - start
  return report
}

/// Which images of both datasets take part, ascending.
private struct ImageSplit {
  let train: [Int]
  let test: [Int]

  init(
    _ dataset: DatasetReader, _ other: DatasetReader?, _ options: RegionOptions
  ) throws(ScrlError) {
    let candidates = RegionFeatures.candidates(dataset)
    guard !candidates.isEmpty else {
      throw ScrlError(
        .data,
        "\(operation): \(dataset.path): \(dataset.whyNoObject(unused: .crowd)) · expected boxes with "
          + "a class that are no crowds")
    }
    var (learnt, tested) = (candidates, other.map(RegionFeatures.candidates) ?? [])
    if other == nil {
      let order = Permutation(count: candidates.count, seed: options.seed, epoch: 0)
      let held = Set(stride(from: 4, to: candidates.count, by: 5).map { candidates[order[$0]] })
      learnt = candidates.filter { !held.contains($0) }
      tested = held.sorted()
    }
    if let other, tested.isEmpty {
      throw ScrlError(
        .data,
        "\(operation): \(other.path): \(other.whyNoObject(unused: .crowd)) · expected boxes with a "
          + "class that are no crowds")
    }
    guard !tested.isEmpty else {
      throw ScrlError(
        .data,
        "\(operation): no image with labelled boxes to test on · expected one, or 5 to hold one out"
      )
    }
    train = drawn(learnt.count, limit: options.trainImages, seed: options.seed)
      .map { learnt[$0] }
    test = drawn(tested.count, limit: options.testImages, seed: options.seed)
      .map { tested[$0] }
  }
}
