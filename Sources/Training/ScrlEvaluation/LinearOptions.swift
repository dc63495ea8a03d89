// What a linear evaluation can be told, the recipe it then follows, and what it answers.
// Source of the recipe: Roh et al. 2021, section 4, and Grill et al. 2020, appendix C.

import ScrlBase
import ScrlImage
import ScrlPretraining
import ScrlNN
import ScrlStore

package struct LinearOptions: Equatable, Sendable {
  /// Which views of a train image the layer learns from.
  package enum Views: Equatable, Sendable {
    case fresh  // another random crop in every epoch, as published
    case stored(Int)  // so many random crops, embedded once, in turn
    case center  // the centre crop, embedded once
  }

  package var epochs = 80
  package var warmupEpochs: Int?  // nil: 5, or epochs − 1 when that is less
  package var batch: Int?  // nil: by the number of train images
  package var baseRate: Double?  // at batch 256; nil: by the model's method
  package var views = Views.fresh
  package var standardises = true  // features, by the train images' means and scale
  package var quirks: Quirks?  // nil: the model's
  package var size: Int?  // S, pixels per side of a view; nil: the model's
  package var seed: UInt64 = 0
  package var viewThreads: Int?  // nil: as many as compute
  var operation = "evaluate_linear"  // the call that a message names

  package init() {}

  package func check() throws(ScrlError) {
    func expect(_ isGood: Bool, _ what: String) throws(ScrlError) {
      guard isGood else { throw ScrlError(.argument, "\(operation): got " + what) }
    }
    try expect((1...1_000_000).contains(epochs), "\(epochs) epochs · expected 1…1000000")
    let warmup = resolvedWarmup
    try expect(warmup >= 0, "\(warmup) warm-up epochs · expected 0 or more")
    if let batch {
      try expect((1...1_048_576).contains(batch), "batch \(batch) · expected 1…1048576")
    }
    if let baseRate {
      try expect(baseRate > 0 && baseRate <= 1000, "base rate \(baseRate) · expected 0 … 1000")
    }
    if case .stored(let crops) = views {
      try expect((1...1000).contains(crops), "\(crops) crops · expected −1…1000")
    }
    if let size {
      try expect((1...ViewOptions.maxSize).contains(size), "size \(size) · expected 1…4096")
    }
    if let viewThreads {
      try expect((1...256).contains(viewThreads), "\(viewThreads) view threads · expected 1…256")
    }
    guard warmup < epochs else {
      throw ScrlError(
        .config,
        "\(operation): got \(warmup) warm-up epochs of \(epochs) · expected fewer than all")
    }
  }

  var resolvedWarmup: Int { warmupEpochs ?? min(5, epochs - 1) }
}

/// The options with nothing left open.
struct LinearRecipe {
  let epochs: Int
  let batch: Int
  let baseRate: Double
  let quirks: Quirks
  let stepsPerEpoch: Int  // the last batch of an epoch may be short
  let rate: RateSchedule

  init(_ options: LinearOptions, model: Config?, trainImages: Int) throws(ScrlError) {
    epochs = options.epochs
    batch = options.batch ?? LinearRecipe.batch(forImages: trainImages)
    guard batch <= trainImages else {
      throw ScrlError(
        .data,
        "\(options.operation): got \(trainImages) to train on · expected a batch, \(batch), or more"
      )
    }
    baseRate = options.baseRate ?? model?.method.type.linearRate ?? 0.2
    quirks = options.quirks ?? model?.quirks ?? .corrected
    stepsPerEpoch = (trainImages + batch - 1) / batch
    rate = try RateSchedule(
      base: RateRule.linear.rate(base: baseRate, globalBatch: batch),
      warmupSteps: options.resolvedWarmup * stepsPerEpoch, totalSteps: epochs * stepsPerEpoch)
  }

  /// 256, or for fewer than 4096 images the largest power of two that leaves 16 steps an epoch, but
  /// 8 at least: 80 epochs of few steps would end before the layer has learnt.
  static func batch(forImages count: Int) -> Int {
    var batch = 256
    while batch > 8, batch * 16 > count { batch /= 2 }
    return min(batch, count)
  }
}

/// Accuracies are shares in 0 … 1.
package struct LinearReport: Equatable, Sendable {
  package var classes = 0  // distinct ones of the train images
  package var accuracy = 0.0  // of the test images after the last epoch
  package var top5 = 0.0
  package var bestAccuracy = 0.0  // of every fifth epoch and the last
  package var bestEpoch = 0  // from 1
  package var trainAccuracy = 0.0  // of the last epoch's batches, each before its step
  package var loss = 0.0  // of the same
  package var trainImages = 0
  package var testImages = 0
  package var leftOut = 0  // without a label, or unreadable
  package var unseen = 0  // test images of a class that train lacks: counted as wrong
  package var match = ClassMatch()
  package var batch = 0
  package var baseRate = 0.0
  package var seconds = 0.0
}

package struct LinearProgress: Sendable {
  package let epoch: Int  // from 1; 0: features are made
  package let epochs: Int
  package let done: Int  // images through the backbone, or rows through the layer
  package let total: Int
  package let loss: Double  // mean of the epoch so far
}
