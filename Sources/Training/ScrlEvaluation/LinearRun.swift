// The training of the layer, epoch by epoch, and its judgement.
// Letters: N rows, F features, K classes.

import ScrlBase
import ScrlKernels
import ScrlTensor

struct LinearRun {
  /// Epochs between two judgements; the last one is judged too. As published.
  static let interval = 5

  private let rows: LabelledRows
  private let recipe: LinearRecipe
  private let options: LinearOptions
  private let train: any FeatureSource
  private let test: StoredFeatures
  private let meter: Meter
  private let engine: any Engine

  init(
    _ rows: LabelledRows, _ recipe: LinearRecipe, _ options: LinearOptions,
    train: any FeatureSource, test: StoredFeatures, _ meter: Meter, engine: any Engine
  ) throws(ScrlError) {
    (self.rows, self.recipe, self.options) = (rows, recipe, options)
    (self.train, self.test, self.meter, self.engine) = (train, test, meter, engine)
    guard test.unreadable.count < rows.test.count else {
      throw ScrlError(
        .data, "\(options.operation): none of \(rows.test.count) test images can be read")
    }
  }

  func report() throws(ScrlError) -> LinearReport {
    // 1. The scale of the features.
    let standardiser = options.standardises ? try prepared() : nil
    if train.unreadable.count == rows.train.count {
      throw ScrlError(
        .data, "\(options.operation): none of \(rows.train.count) train images can be read")
    }

    // 2. The layer.
    let layer = try LinearClassifier(
      features: train.featureCount, classes: rows.classes, quirks: recipe.quirks,
      seed: options.seed, operation: options.operation, engine: engine)
    var report = LinearReport()
    report.classes = rows.classes
    (report.batch, report.baseRate) = (recipe.batch, recipe.baseRate)

    for epoch in 1...recipe.epochs {
      // 3. An epoch of steps.
      let (loss, hits, count) = try learn(layer, epoch: epoch, standardiser)
      guard epoch % LinearRun.interval == 0 || epoch == recipe.epochs else { continue }

      // 4. The test images.
      let tested = try judge(layer)
      let images = Double(rows.test.count - test.unreadable.count)
      report.accuracy = Double(tested.first) / images
      report.top5 = Double(tested.five) / images
      report.trainAccuracy = Double(hits.first) / Double(max(count, 1))
      report.loss = loss
      if report.bestEpoch == 0 || report.accuracy > report.bestAccuracy {
        (report.bestAccuracy, report.bestEpoch) = (report.accuracy, epoch)
      }
    }

    // 5. Who took part.
    report.trainImages = rows.train.count - train.unreadable.count
    report.testImages = rows.test.count - test.unreadable.count
    report.leftOut = rows.unlabelled + train.unreadable.count + test.unreadable.count
    report.unseen = rows.test.count { $0.label < 0 && !test.unreadable.contains($0.index) }
    return report
  }

  /// Stored features are standardised here and now; of fresh ones the scale is returned, from a
  /// pass over crops of their own (epoch 0).
  private func prepared() throws(ScrlError) -> Standardiser? {
    if let stored = train as? StoredFeatures {
      let standardiser = stored.moments().standardiser()
      stored.apply(standardiser, engine.workers)
      test.apply(standardiser, engine.workers)
      return nil
    }
    var moments = FeatureMoments()
    for range in batches(of: rows.train.count, recipe.batch) {
      moments.add(try train.features(of: rows.train[range].map(\.index), epoch: 0).rows)
    }
    let standardiser = moments.standardiser()
    test.apply(standardiser, engine.workers)
    return standardiser
  }

  /// Mean loss and hits of the epoch's batches, each before its step, and the rows in them.
  private func learn(
    _ layer: LinearClassifier, epoch: Int, _ standardiser: Standardiser?
  ) throws(ScrlError) -> (loss: Double, hits: Hits, count: Int) {
    let order = Permutation(count: rows.train.count, seed: options.seed, epoch: epoch)
    var (sum, hits, count) = (0.0, Hits(), 0)
    (meter.epoch, meter.loss) = (epoch, 0)
    for (step, range) in batches(of: rows.train.count, recipe.batch).enumerated() {
      let chosen = range.map { rows.train[order[$0]] }
      let found = try train.features(of: chosen.map(\.index), epoch: epoch)
      if !found.places.isEmpty {
        standardiser?.apply(to: found.rows, engine.workers)
        let rate = recipe.rate.rate(step: (epoch - 1) * recipe.stepsPerEpoch + step + 1)
        let labels = found.places.map { chosen[$0].label }
        let (loss, part) = try layer.learn(found.rows, labels: labels, rate: rate)
        sum += loss * Double(labels.count)
        hits += part
        count += labels.count
        meter.loss = sum / Double(count)
      }
      try meter.stepped(rows: range.count)
    }
    return (sum / Double(max(count, 1)), hits, count)
  }

  private func judge(_ layer: LinearClassifier) throws(ScrlError) -> Hits {
    var hits = Hits()
    for range in batches(of: rows.test.count, 1024) {
      let found = try test.features(of: rows.test[range].map(\.index), epoch: 1)
      guard !found.places.isEmpty else { continue }
      let labels = found.places.map { rows.test[range.lowerBound + $0].label }
      hits += Hits(try layer.logits(found.rows), labels: labels)
    }
    return hits
  }
}

/// 0..<count in consecutive ranges; the last may be short.
func batches(of count: Int, _ length: Int) -> [Range<Int>] {
  stride(from: 0, to: count, by: length).map { $0..<min(count, $0 + length) }
}
