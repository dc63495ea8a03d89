// What training tests share: a small dataset of noise, a small config.

import Foundation
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlStore
import ScrlTensor
import ScrlTraining

@testable import ScrlPretraining

/// A folder for one test, with a small dataset of noise in it.
final class Workplace {
  let folder: String
  let data: String

  /// - Parameter labels: the class of each image; nil: no labels.
  init(images: Int = 12, side: Int = 48, labels: ((Int) -> Int32?)? = nil) throws {
    folder = NSTemporaryDirectory() + "scrl-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    data = folder + "/data.h5"
    let writer = try DatasetWriter(path: data, libraryVersion: libraryVersion)
    let codec = try JPEGCodec()
    for index in 0..<images {
      var stream = RandomStream(seed: 7, sample: index, use: .test)
      var image = RGBImage(width: side, height: side)
      for i in image.pixels.indices where i % 7 < 4 {
        image.pixels[i] = UInt8(truncatingIfNeeded: stream.next32())
      }
      let bytes = try codec.encode(image, quality: 80)
      try bytes.withUnsafeBytes {
        try writer.add(
          jpeg: $0, width: side, height: side,
          annotation: SampleAnnotation(label: labels?(index), boxes: []))
      }
    }
    try writer.finish()
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  func path(_ name: String) -> String { folder + "/" + name }

  func reader() throws -> DatasetReader { try DatasetReader(path: data) }

  func run(
    _ changes: (inout Config) -> Void = { _ in }, folder: String? = nil,
    engine: (Config) throws(ScrlError) -> any Engine = testEngine
  ) throws -> Trainer<Pretraining> {
    var config = smallConfig()
    changes(&config)
    return try Trainer<Pretraining>(
      config, dataset: try reader(), folder: folder, engine: try engine(config))
  }

  func resume(
    _ path: String, engine: (Config) throws(ScrlError) -> any Engine = testEngine
  ) throws -> Trainer<Pretraining> {
    try Trainer<Pretraining>(resuming: path, dataset: nil, makeEngine: engine)
  }
}

func testEngine(_ config: Config) throws(ScrlError) -> any Engine {
  try OpenBLASEngine(workers: Workers(1))
}

/// Seconds, not minutes, without the optimiser of the compiler.
func smallConfig() -> Config {
  var config = Preset.standard.config
  (config.viewSize, config.boxMinSize, config.boxesPerImage) = (32, 8, 3)
  config.roiStage = .layer2
  (config.headHidden, config.headOutput) = (16, 8)
  (config.batch, config.steps, config.threads, config.loaderThreads) = (4, 6, 1, 1)
  return config
}

func fileBytes(_ path: String) throws -> Data {
  try Data(contentsOf: URL(fileURLWithPath: path))
}

func weights(_ run: Trainer<Pretraining>) throws -> [[Float]] {
  try run.task.state.state.map { try $0.tensor.plain().array }
}
