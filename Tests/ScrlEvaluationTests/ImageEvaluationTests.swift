// Linear evaluation of images through a small backbone with its first weights.

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

/// A dataset of plain colours under noise: red, green, blue in turn. Every seventh image has no
/// label; one image may be no JPEG at all.
private final class ColourSet {
  let path = NSTemporaryDirectory() + "scrl-eval-\(UUID().uuidString).h5"

  init(images: Int, damaged: Int? = nil) throws {
    let writer = try DatasetWriter(path: path, libraryVersion: libraryVersion)
    let codec = try JPEGCodec()
    for index in 0..<images {
      var stream = RandomStream(seed: 7, sample: index, use: .test)
      var image = RGBImage(width: 40, height: 32)
      for i in image.pixels.indices {
        image.pixels[i] = UInt8(stream.integer(in: 0..<90) + (i % 3 == index % 3 ? 120 : 0))
      }
      let bytes =
        index == damaged ? Array("no picture".utf8) : try codec.encode(image, quality: 90)
      try bytes.withUnsafeBytes {
        try writer.add(
          jpeg: $0, width: 40, height: 32,
          annotation: SampleAnnotation(
            label: index % 7 == 6 ? nil : Int32(index % 3), boxes: []))
      }
    }
    try writer.finish()
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func reader() throws -> DatasetReader { try DatasetReader(path: path) }
}

private func evaluate(
  _ train: ColourSet, _ test: ColourSet?, _ change: (inout LinearOptions) -> Void,
  listener: @escaping LinearListener = { _ in true }
) throws -> LinearReport {
  var config = Preset.standard.config
  (config.architecture, config.stem, config.roiStage) = (.resnet18, .imagenet, .layer1)
  (config.viewSize, config.boxMinSize, config.threads) = (16, 8, 1)
  let engine = try OpenBLASEngine(workers: Workers(1))
  var options = LinearOptions()
  (options.epochs, options.batch) = (3, 8)
  change(&options)
  var report = try evaluateLinear(
    try Backbone(config, engine: engine), train: try train.reader(), test: try test?.reader(),
    options, engine: engine, listener: listener)
  report.seconds = 0
  return report
}

@Suite("Linear evaluation of images")
struct ImageEvaluationTests {
  @Test("colours are told apart, whatever the views", arguments: [0, 2, -1])
  func learns(crops: Int) throws {
    let views: LinearOptions.Views = crops == 0 ? .fresh : crops < 0 ? .center : .stored(crops)
    nonisolated(unsafe) var last: LinearProgress?
    let report = try evaluate(try ColourSet(images: 28), nil) {
      ($0.views, $0.epochs) = (views, 5)
    } listener: {
      last = $0
      return true
    }
    #expect(report.accuracy == 1 && report.classes == 3)
    #expect((report.trainImages, report.testImages, report.leftOut) == (20, 4, 4))
    // Train images through the backbone: five epochs and the pass for the scale, two, or one.
    let passes = crops == 0 ? 6 : crops < 0 ? 1 : 2
    #expect(last?.done == 20 * passes + 4 && last?.total == last?.done)
  }

  @Test("view threads do not show in the report")
  func viewThreads() throws {
    let set = try ColourSet(images: 28)
    let reports = try [1, 3].map { threads in
      try evaluate(set, nil) { $0.viewThreads = threads }
    }
    #expect(reports[0] == reports[1])
    #expect(try evaluate(set, nil) { $0.seed = 5 }.loss != reports[0].loss)
  }

  @Test("an image that cannot be read is left out and counted", arguments: [0, 2, -1])
  func unreadable(crops: Int) throws {
    let views: LinearOptions.Views = crops == 0 ? .fresh : crops < 0 ? .center : .stored(crops)
    let report = try evaluate(
      try ColourSet(images: 28, damaged: 3), try ColourSet(images: 14, damaged: 4)
    ) {
      $0.views = views
    }
    #expect((report.trainImages, report.testImages) == (23, 11))
    #expect(report.leftOut == 4 + 1 + 2 + 1)  // without a label, damaged; train, test
  }

  @Test("a host that says stop is obeyed while features are made and while the layer learns")
  func cancels() throws {
    let set = try ColourSet(images: 28)
    for epoch in [0, 2] {
      #expect {
        _ = try evaluate(set, nil) {
          $0.views = .center
        } listener: {
          $0.epoch < epoch
        }
      } throws: {
        ($0 as? ScrlError)?.code == .cancelled
      }
    }
  }
}
