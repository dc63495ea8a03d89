// The pretrained encoder by itself, for inference: BatchNorm uses its running statistics.
// Letters: N images, C channels, H×W pixels, h×w cells, K boxes, F features.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor

package final class Backbone {
  package let config: Config
  package let state: ModuleContents  // names begin with "online.encoder."
  private let encoder: ResNet
  private let engine: any Engine

  /// Images per pass: bounds the memory that activations take.
  private static let chunk = 16

  /// A backbone with fresh weights, drawn from the config's seed.
  package convenience init(_ config: Config, engine: any Engine) throws(ScrlError) {
    try self.init(config, WeightSource(engine: engine, seed: UInt64(config.seed)))
  }

  init(_ config: Config, _ weights: WeightSource) throws(ScrlError) {
    try config.check()
    var source = weights
    engine = weights.engine
    self.config = config
    encoder = try ResNet(config.architecture, stem: config.stem, &source)
    state = encoder.contents(prefix: Backbone.prefix)
  }

  package static let prefix = "online.encoder."

  /// F of `embed`.
  package var embeddingSize: Int { encoder.channels(of: config.trainedStage) }
  /// F of `embedRegions`.
  package var regionSize: Int { encoder.channels(of: config.roiStage) }

  /// (N,C,h,w) of a stage for images of H×W pixels.
  package func featureShape(
    _ stage: Stage, images: Int, height: Int, width: Int
  ) throws(ScrlError) -> [Int] {
    [
      images, encoder.channels(of: stage), try encoder.extent(of: stage, pixels: height),
      try encoder.extent(of: stage, pixels: width),
    ]
  }

  /// Images (N,3,H,W) plain → the feature map (N,C,h,w) plain.
  package func features(_ images: Tensor, stage: Stage) throws(ScrlError) -> Tensor {
    try checkImages(images)
    let result = try Tensor(
      uninitialized: try featureShape(
        stage, images: images.shape[0], height: images.shape[2], width: images.shape[3]))
    try forEachChunk(images) { chunk, range throws(ScrlError) in
      let map = try self.map(chunk, stage).value(self.engine).plain(workers: self.engine.workers)
      result.writeRows(map, from: range.lowerBound)
    }
    return result
  }

  /// Images (N,3,H,W) plain → globally pooled features of the trained stage (N,F).
  package func embed(_ images: Tensor) throws(ScrlError) -> Tensor {
    try checkImages(images)
    let result = try Tensor(uninitialized: [images.shape[0], embeddingSize])
    try forEachChunk(images) { chunk, range throws(ScrlError) in
      let map = try self.map(chunk, self.config.trainedStage)
      result.writeRows(try self.pass.globalAveragePool(map).value(self.engine), from: range.lowerBound)
    }
    return result
  }

  /// RoIAligned features (K,F) of boxes of images (N,3,H,W) plain, at roi.stage: one cell a box,
  /// whatever roi.pool_size training used.
  package func embedRegions(
    _ images: Tensor, boxes: [RegionBox]
  ) throws(ScrlError) -> Tensor {
    try checkImages(images)
    let roi = try config.roiOptions(side: 1)
    let result = try Tensor(uninitialized: [boxes.count, regionSize])
    let rowsByImage = Dictionary(grouping: boxes.indices) { boxes[$0].image }
    try forEachChunk(images) { chunk, range throws(ScrlError) in
      let rows = range.flatMap { rowsByImage[$0] ?? [] }
      guard !rows.isEmpty else { return }
      let inside = rows.map { boxes[$0].moved(to: boxes[$0].image - range.lowerBound) }
      let map = try self.map(chunk, self.config.roiStage)
      let pooled = try self.pass.roiAlign(map, boxes: inside, roi).value(self.engine)
      for (place, row) in rows.enumerated() {
        (result.pointer + row * self.regionSize).update(
          from: pooled.pointer + place * self.regionSize, count: self.regionSize)
      }
    }
    return result
  }

  private var pass: Pass { Pass(engine: engine, mode: .inference) }

  private func map(_ images: Tensor, _ stage: Stage) throws(ScrlError) -> Activation {
    let blocked = try images.blocked(engine.channelBlock(for: 3), workers: engine.workers)
    return try encoder.forward(blocked, upTo: stage, pass)
  }

  private func checkImages(_ images: Tensor) throws(ScrlError) {
    guard images.shape.count == 4, images.shape[1] == 3, images.count > 0 else {
      throw ScrlError(.shape, "model: got images \(images.shape) · expected (N,3,H,W)")
    }
  }

  /// Calls the body with a few images at a time and their places.
  private func forEachChunk(
    _ images: Tensor, _ body: (Tensor, Range<Int>) throws(ScrlError) -> Void
  ) throws(ScrlError) {
    let total = images.shape[0]
    let length = images.count / total
    var done = 0
    while done < total {
      let range = done..<min(total, done + Backbone.chunk)
      let part = try Tensor(uninitialized: [range.count] + images.shape.dropFirst())
      part.pointer.update(from: images.pointer + done * length, count: part.count)
      try body(part, range)
      done = range.upperBound
    }
  }
}

extension Tensor {
  /// Copies rows into this tensor's rows from `first` on; both plain, rows of equal length.
  fileprivate func writeRows(_ rows: Tensor, from first: Int) {
    let length = count / max(shape[0], 1)
    (pointer + first * length).update(from: rows.pointer, count: rows.count)
  }
}
