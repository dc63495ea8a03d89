// What training tests share: a small dataset with boxes and masks, a small config.

import Foundation
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlPretraining
import ScrlStore
import ScrlTraining

@testable import ScrlDetection

/// A folder for one test, with a dataset of grey pictures and bright rectangles of two classes in it:
/// tall ones and wide ones.
final class TrainingPlace {
  let folder: String
  let data: String

  /// - Parameters:
  ///   - sizeTold: what the index says instead of the truth; the boxes then have no masks.
  ///   - tornImage: one whose stream ends after its header.
  ///   - change: of each image's boxes, before they are written.
  init(
    images: Int = 6, side: Int = 64, sizeTold: (height: Int, width: Int)? = nil,
    tornImage: Int? = nil,
    classes: [String] = ["tall", "wide"],
    change: (Int, inout [AnnotatedBox]) -> Void = { _, _ in }
  ) throws {
    folder = NSTemporaryDirectory() + "scrl-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    data = folder + "/data.h5"
    let writer = try DatasetWriter(path: data, classes: classes, libraryVersion: libraryVersion)
    let codec = try JPEGCodec()
    for index in 0..<images {
      var stream = RandomStream(seed: 7, sample: index, use: .test)
      var image = RGBImage(width: side, height: side)
      for place in image.pixels.indices { image.pixels[place] = UInt8(80 + place * 7 % 40) }
      var boxes: [AnnotatedBox] = []
      for _ in 0..<2 { boxes.append(try rectangle(in: &image, &stream)) }
      if sizeTold != nil { for i in boxes.indices { boxes[i].mask = nil } }
      change(index, &boxes)
      var bytes = try codec.encode(image, quality: 90)
      if index == tornImage { bytes.removeLast(bytes.count - 20) }
      try bytes.withUnsafeBytes {
        try writer.add(
          jpeg: $0, width: sizeTold?.width ?? side, height: sizeTold?.height ?? side,
          annotation: SampleAnnotation(boxes: boxes))
      }
    }
    try writer.finish()
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  func path(_ name: String) -> String { folder + "/" + name }

  func reader() throws -> DatasetReader { try DatasetReader(path: data) }

  func run(
    _ change: (inout DetectConfig) -> Void = { _ in }, weights: String? = nil,
    folder: String? = nil, loaderThreads: Int = 1
  ) throws -> Trainer<DetectorTraining> {
    var config = tinyConfig()
    change(&config.detect)
    config.loaderThreads = loaderThreads
    return try Trainer<DetectorTraining>(
      config, dataset: try reader(), weights: weights, folder: folder,
      engine: try tinyEngine(config))
  }
}

private func rectangle(
  in image: inout RGBImage, _ stream: inout RandomStream
) throws -> AnnotatedBox {
  let isTall = stream.chance(0.5)
  let (height, width) = isTall ? (28, 14) : (14, 28)
  let x = stream.integer(in: 0..<image.width - width)
  let y = stream.integer(in: 0..<image.height - height)
  var mask = [UInt8](repeating: 0, count: image.width * image.height)
  for row in y..<y + height {
    for column in x..<x + width {
      let place = row * image.width + column
      mask[place] = 1
      for channel in 0..<3 { image.pixels[3 * place + channel] = isTall ? 230 : 20 }
    }
  }
  let runs = try mask.withUnsafeBufferPointer {
    try RunLengths(mask: $0, height: image.height, width: image.width)
  }
  return AnnotatedBox(
    x0: Float(x), y0: Float(y), x1: Float(x + width), y1: Float(y + height),
    label: isTall ? 0 : 1, mask: runs.compressed)
}

func tinyEngine(_ config: Config) throws(ScrlError) -> any Engine {
  try OpenBLASEngine(workers: Workers(1))
}

/// Seconds for a few steps.
func tinyConfig() -> Config {
  var config = Config()
  (config.architecture, config.detect) = (.resnet18, .small)
  (config.threads, config.loaderThreads, config.seed) = (1, 1, 3)
  (config.detect.batch, config.detect.steps, config.detect.minSizes) = (2, 4, [64])
  (config.detect.testSize, config.detect.maxSize) = (64, 128)
  (config.detect.channels, config.detect.boxHidden, config.detect.maskChannels) = (16, 32, 16)
  (config.detect.beforeNMS, config.detect.proposals) = (100, 50)
  return config
}

func fileBytes(_ path: String) throws -> Data {
  try Data(contentsOf: URL(fileURLWithPath: path))
}

func weights(_ detector: Detector) throws -> [[Float]] {
  try detector.state.state.map { try $0.tensor.plain().array }
}
