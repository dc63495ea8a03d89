// The evaluation as a whole: on features of a known kind, and on images through a backbone.

import Foundation
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlPretraining
import ScrlStore
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlEvaluation

/// Rows (N,F) around a centre per class, moved far from 0; labels row % classes.
private func clusters(
  _ rows: Int, _ width: Int, classes: Int, noise: Float, tag: Int
) throws -> (features: Tensor, labels: [Int]) {
  let centers = numbers(classes * width, tag: 90)
  var values = numbers(rows * width, tag: tag)
  let labels = (0..<rows).map { $0 % classes }
  for row in 0..<rows {
    for c in 0..<width {
      values[row * width + c] =
        30 + Float(c) + centers[labels[row] * width + c] + noise * values[row * width + c]
    }
  }
  return (try Tensor(values, shape: [rows, width]), labels)
}

private func evaluate(
  _ train: (features: Tensor, labels: [Int]), _ test: (features: Tensor, labels: [Int])?,
  _ change: (inout LinearOptions) -> Void = { _ in },
  listener: @escaping LinearListener = { _ in true }
) throws -> LinearReport {
  var options = LinearOptions()
  options.epochs = 40
  change(&options)
  var report = try evaluateLinear(
    features: train.features, labels: train.labels, test: test, options,
    engine: try testEngine(), listener: listener)
  report.seconds = 0
  return report
}

private func refusal(_ body: () throws -> Void) -> ScrlError.Code? {
  do {
    try body()
    return nil
  } catch {
    return (error as? ScrlError)?.code
  }
}

@Suite("Linear evaluation of features")
struct FeatureEvaluationTests {
  @Test("classes that a plane separates are told apart")
  func separable() throws {
    let train = try clusters(120, 12, classes: 6, noise: 0.3, tag: 1)
    let test = try clusters(60, 12, classes: 6, noise: 0.3, tag: 2)
    let before = train.features.array
    let report = try evaluate(train, test)
    #expect(report.accuracy == 1 && report.top5 == 1 && report.trainAccuracy == 1)
    #expect((report.classes, report.trainImages, report.testImages) == (6, 120, 60))
    #expect((report.batch, report.baseRate, report.leftOut, report.unseen) == (8, 0.2, 0, 0))
    #expect(report.bestAccuracy == 1 && report.bestEpoch % 5 == 0)
    #expect(train.features.array == before)  // the host's rows stay as they are
  }

  @Test("standardised features may have any scale, raw ones stay as they are")
  func standardising() throws {
    let train = try clusters(160, 8, classes: 4, noise: 0.8, tag: 1)
    let test = try clusters(80, 8, classes: 4, noise: 0.8, tag: 2)
    func scaled(_ part: (features: Tensor, labels: [Int])) throws -> (Tensor, [Int]) {
      (try Tensor(part.features.array.map { 8 * $0 }, shape: part.features.shape), part.labels)
    }
    let report = try evaluate(train, test)
    #expect(try evaluate(scaled(train), scaled(test)) == report)  // a power of two: exact
    let raw = try evaluate(train, test) { $0.standardises = false }
    #expect(report.accuracy > 0.9)
    #expect(
      try evaluate(scaled(train), scaled(test)) { $0.standardises = false }.loss != raw.loss)
  }

  @Test("the same seed gives the same report, another one another order")
  func seeds() throws {
    let train = try clusters(100, 8, classes: 4, noise: 2, tag: 1)
    let report = try evaluate(train, nil)
    #expect(try evaluate(train, nil) == report)
    #expect((report.trainImages, report.testImages) == (80, 20))
    #expect(try evaluate(train, nil) { $0.seed = 1 }.loss != report.loss)
  }

  @Test("rows without a label are left out, classes that train lacks count as wrong")
  func labels() throws {
    var train = try clusters(64, 8, classes: 4, noise: 0.2, tag: 1)
    var test = try clusters(32, 8, classes: 4, noise: 0.2, tag: 2)
    for row in stride(from: 0, to: 64, by: 4) { train.labels[row] = -1 }
    test.labels[1] = -1
    let report = try evaluate(train, test)
    #expect((report.classes, report.trainImages, report.testImages) == (3, 48, 31))
    #expect((report.leftOut, report.unseen) == (17, 8))
    #expect(report.accuracy == 23.0 / 31)
  }

  @Test("official quirks learn under LARS from a random start")
  func official() throws {
    let train = try clusters(120, 12, classes: 3, noise: 0.3, tag: 1)
    let report = try evaluate(train, train) { ($0.quirks, $0.baseRate) = (.official, 50) }
    #expect(report.accuracy > 0.9)
    #expect(try evaluate(train, train) { $0.baseRate = 50 }.loss != report.loss)
  }

  @Test("progress counts every row of every epoch and stops when told")
  func progress() throws {
    let train = try clusters(40, 4, classes: 2, noise: 0.5, tag: 1)
    nonisolated(unsafe) var seen: [LinearProgress] = []
    _ = try evaluate(train, train) {
      $0.epochs = 3
    } listener: {
      seen.append($0)
      return true
    }
    #expect(seen.last.map { [$0.epoch, $0.epochs, $0.done, $0.total] } == [3, 3, 120, 120])
    #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.done < $1.done })
    let stopped = refusal {
      _ = try evaluate(train, train, listener: { $0.epoch < 2 })
    }
    #expect(stopped == .cancelled)
  }

  @Test("the batch is 256, or the largest power of two from 8 on that leaves 16 steps")
  func batches() {
    let expected = [
      3: 3, 8: 8, 255: 8, 256: 16, 600: 32, 2000: 64, 4095: 128, 4096: 256, 90000: 256,
    ]
    for (images, batch) in expected {
      #expect(LinearRecipe.batch(forImages: images) == batch, "\(images) images")
    }
  }

  @Test("options and data that cannot be used are refused with their status")
  func refusals() throws {
    let train = try clusters(40, 4, classes: 2, noise: 0.5, tag: 1)
    let cases: [(ScrlError.Code, (inout LinearOptions) -> Void)] = [
      (.argument, { $0.epochs = -1 }), (.argument, { $0.epochs = 0 }),
      (.argument, { $0.warmupEpochs = -2 }), (.config, { $0.warmupEpochs = 40 }),
      (.argument, { $0.baseRate = .nan }), (.argument, { $0.baseRate = .infinity }),
      (.argument, { $0.baseRate = -0.1 }), (.argument, { $0.batch = -1 }),
      (.data, { $0.batch = 41 }), (.argument, { $0.views = .stored(-2) }),
      (.argument, { $0.size = 5000 }), (.argument, { $0.viewThreads = 1000 }),
    ]
    for (place, (code, change)) in cases.enumerated() {
      #expect(refusal { _ = try evaluate(train, train, change) } == code, "case \(place)")
    }
    let one = [Int](repeating: 3, count: 40)
    #expect(refusal { _ = try evaluate((train.features, one), train) } == .data)
    let none = [Int](repeating: -1, count: 40)
    #expect(refusal { _ = try evaluate((train.features, none), train) } == .data)
    #expect(refusal { _ = try evaluate(train, (train.features, none)) } == .data)
    #expect(refusal { _ = try evaluate((train.features, one.map { _ in -2 }), train) } == .argument)
    #expect(refusal { _ = try evaluate((train.features, [0, 1]), train) } == .shape)
    let narrow = try clusters(40, 3, classes: 2, noise: 0.5, tag: 1)
    #expect(refusal { _ = try evaluate(train, narrow) } == .shape)
    let four = (try Tensor([1, 2, 3, 4], shape: [4, 1]), [0, 1, 0, 1])
    #expect(refusal { _ = try evaluate(four, nil) } == .data)
    for bad in [Float.nan, .infinity] {
      let test = try clusters(40, 4, classes: 2, noise: 0.5, tag: 1)
      test.features.pointer[17] = bad
      #expect(refusal { _ = try evaluate(train, test) } == .argument)
    }
  }
}
