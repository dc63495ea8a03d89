// Linear evaluation: a frozen backbone's features, one linear layer, the test images' accuracy.
// Letters: N rows, F features.

import ScrlBase
import ScrlKernels
import ScrlPretraining
import ScrlStore
import ScrlTensor

package typealias LinearListener = (LinearProgress) -> Bool  // false: stop

/// Images of datasets through a backbone. Without `test` a fifth of train is held out.
package func evaluateLinear(
  _ backbone: Backbone, train: DatasetReader, test: DatasetReader?, _ options: LinearOptions,
  engine: any Engine, listener: @escaping LinearListener
) throws(ScrlError) -> LinearReport {
  let start = monotonicSeconds()
  try options.check()
  let matched = try MatchedLabels(train.imageClasses, test?.imageClasses, options.operation)
  let rows = try LabelledRows(
    train: train.labels, test: test.map { matched.inTrain($0.labels) }, seed: options.seed,
    for: options.operation)
  let recipe = try LinearRecipe(
    options, model: backbone.config, trainImages: rows.train.count)
  let meter = Meter(
    options.operation, epochs: recipe.epochs, countsRows: false,
    total: rows.train.count * options.trainPasses + rows.test.count, listener)

  func images(_ dataset: DatasetReader, isRandom: Bool) throws(ScrlError) -> ImageFeatures {
    try ImageFeatures(
      backbone, dataset, options.reading, isRandom: isRandom, workers: engine.workers,
      advance: meter.advance)
  }
  let tested = try StoredFeatures(
    try images(test ?? train, isRandom: false), samples: rows.test.map(\.index), views: 1)
  let learnt = rows.train.map(\.index)
  let source: any FeatureSource
  switch options.views {
  case .fresh: source = try images(train, isRandom: true)
  case .stored(let crops):
    source = try StoredFeatures(
      try images(train, isRandom: true), samples: learnt, views: crops)
  case .center:
    source = try StoredFeatures(try images(train, isRandom: false), samples: learnt, views: 1)
  }
  var report = try LinearRun(
    rows, recipe, options, train: source, test: tested, meter, engine: engine
  ).report()
  report.match = matched.match
  matched.tell(unseen: report.unseen, "images", options.operation)
  report.seconds = monotonicSeconds() - start
  return report
}

/// Features that the host has: (N,F) and a label each, −1: left out.
package func evaluateLinear(
  features: Tensor, labels: [Int], test: (features: Tensor, labels: [Int])?,
  _ options: LinearOptions, engine: any Engine, listener: @escaping LinearListener
) throws(ScrlError) -> LinearReport {
  let start = monotonicSeconds()
  try options.check()
  try checkRows(features, labels, test, options.operation)
  let rows = try LabelledRows(
    train: labels, test: test?.labels, seed: options.seed, for: options.operation)
  let recipe = try LinearRecipe(options, model: nil, trainImages: rows.train.count)
  let meter = Meter(
    options.operation, epochs: recipe.epochs, countsRows: true,
    total: rows.train.count * recipe.epochs, listener)
  // Copies: standardising writes in place, and only the rows that take part may shape its scale.
  let all = StoredFeatures(features)
  let source = try StoredFeatures(all, samples: rows.train.map(\.index), views: 1)
  let tested = try StoredFeatures(
    test.map { StoredFeatures($0.features) } ?? all, samples: rows.test.map(\.index), views: 1)
  var report = try LinearRun(
    rows, recipe, options, train: source, test: tested, meter, engine: engine
  ).report()
  report.seconds = monotonicSeconds() - start
  return report
}

/// Tells the listener of a layer's training how far it is.
final class Meter {
  private let operation: String
  private let epochs: Int
  private let countsRows: Bool  // false: images through the backbone
  private let total: Int
  private let listener: LinearListener
  private var done = 0
  var epoch = 0
  var loss = 0.0

  init(
    _ operation: String, epochs: Int, countsRows: Bool, total: Int,
    _ listener: @escaping LinearListener
  ) {
    self.operation = operation
    self.epochs = epochs
    self.countsRows = countsRows
    self.total = total
    self.listener = listener
  }

  func advance(_ images: Int) throws(ScrlError) {
    done += images
    let progress = LinearProgress(
      epoch: epoch, epochs: epochs, done: done, total: total, loss: loss)
    guard listener(progress) else {
      throw ScrlError(
        .cancelled, "\(operation): stopped by the host in epoch \(epoch) of \(epochs)")
    }
  }

  func stepped(rows: Int) throws(ScrlError) { try advance(countsRows ? rows : 0) }
}

extension LinearOptions {
  fileprivate var reading: ImageReading {
    ImageReading(operation: operation, size: size, seed: seed, threads: viewThreads)
  }

  /// Times that every train image goes through the backbone.
  fileprivate var trainPasses: Int {
    switch views {
    case .fresh: epochs + (standardises ? 1 : 0)
    case .stored(let crops): crops
    case .center: 1
    }
  }
}

extension DatasetReader {
  /// The class of each image, −1: none.
  var labels: [Int] { (0..<count).map { Int(label(of: $0) ?? -1) } }
}
