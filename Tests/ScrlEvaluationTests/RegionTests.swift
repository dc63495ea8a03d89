// Boxes of files that are not as they should be: left out and counted, or cut at the picture's edge.

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

/// Ten pictures of 40×32, red or green, with a box of their colour's class each.
private final class BoxSet {
  let path = NSTemporaryDirectory() + "scrl-boxes-\(UUID().uuidString).h5"

  /// - Parameter change: of the bytes, the size in the index, and the boxes of an image.
  init(_ change: (Int, inout [UInt8], inout Int, inout [AnnotatedBox]) -> Void) throws {
    let writer = try DatasetWriter(path: path, libraryVersion: libraryVersion)
    let codec = try JPEGCodec()
    for index in 0..<10 {
      var stream = RandomStream(seed: 7, sample: index, use: .test)
      var image = RGBImage(width: 40, height: 32)
      for i in image.pixels.indices {
        image.pixels[i] = UInt8(stream.integer(in: 0..<60) + (i % 3 == index % 2 ? 150 : 0))
      }
      var bytes = try codec.encode(image, quality: 90)
      var width = 40
      var boxes = [AnnotatedBox(x0: 4, y0: 4, x1: 36, y1: 28, label: Int32(index % 2))]
      change(index, &bytes, &width, &boxes)
      try bytes.withUnsafeBytes {
        try writer.add(
          jpeg: $0, width: width, height: 32,
          annotation: SampleAnnotation(label: nil, boxes: boxes))
      }
    }
    try writer.finish()
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

private func evaluate(
  _ set: BoxSet, _ change: (inout RegionOptions) -> Void = { _ in }
) throws -> (regions: RegionReport, retrieval: RetrievalReport) {
  var config = Preset.standard.config
  (config.architecture, config.stem, config.roiStage) = (.resnet18, .imagenet, .layer1)
  (config.viewSize, config.boxMinSize, config.threads) = (32, 8, 1)
  let engine = try OpenBLASEngine(workers: Workers(1))
  let backbone = try Backbone(config, engine: engine)
  let reader = try DatasetReader(path: set.path)
  var options = RegionOptions()
  options.epochs = 5
  change(&options)
  let regions = try evaluateRegions(
    backbone, train: reader, test: reader, options, engine: engine, listener: { _, _ in true })
  let retrieval = try evaluateRetrieval(
    backbone, reader, options, engine: engine, listener: { _, _ in true })
  return (regions, retrieval)
}

@Suite("Regions")
struct RegionTests {
  @Test("boxes of two colours are told apart, whatever the size", arguments: [nil, 24, 64])
  func colours(size: Int?) throws {
    let (regions, retrieval) = try evaluate(try BoxSet { _, _, _, _ in }) { $0.size = size }
    #expect(regions.neighbour == 1 && regions.linear == 1)
    // Nine boxes of other images, four of the class.
    for (got, want) in zip(retrieval.precision, [1, 4.0 / 5, 4.0 / 9]) {
      #expect((got - want).magnitude < 1e-12)
    }
    #expect((regions.trainBoxes, regions.classes, regions.leftOut) == (10, 2, 0))
    #expect(regions.chance == 0.5)
  }

  @Test("a damaged picture, and one of another size than its index says, are left out")
  func unreadable() throws {
    let (regions, retrieval) = try evaluate(
      try BoxSet { index, bytes, width, _ in
        if index == 2 { bytes = Array("no picture".utf8) }
        if index == 5 { width = 44 }
      })
    #expect((regions.trainBoxes, regions.trainImages, regions.leftOut) == (8, 8, 4))
    #expect((retrieval.boxes, retrieval.leftOut) == (8, 2))
  }

  @Test("boxes without end are cut at the edge, those with nothing inside are left out")
  func endless() throws {
    let (regions, retrieval) = try evaluate(
      try BoxSet { index, _, _, boxes in
        if index == 1 { (boxes[0].x0, boxes[0].x1) = (-3e38, 3e38) }
        if index == 3 { (boxes[0].x0, boxes[0].x1) = (40, 3e38) }
        if index == 4 { boxes.append(AnnotatedBox(x0: -9, y0: -9, x1: 0, y1: 0, label: 1)) }
      })
    #expect((regions.trainBoxes, regions.leftOut, regions.neighbour) == (9, 4, 1))
    #expect((retrieval.boxes, retrieval.leftOut) == (9, 2))
  }

  @Test("crowds take no part, wherever they lie")
  func crowds() throws {
    let (regions, retrieval) = try evaluate(
      try BoxSet { index, _, _, boxes in
        // Of the other class, in the same place: were it judged, no neighbour would be right.
        let other = Int32(1 - index % 2)
        boxes.append(
          AnnotatedBox(x0: 4, y0: 4, x1: 36, y1: 28, label: other, flags: .crowd))
      })
    #expect((regions.trainBoxes, regions.leftOut, regions.neighbour) == (10, 20, 1))
    #expect((retrieval.boxes, retrieval.leftOut) == (10, 10))
  }
}
