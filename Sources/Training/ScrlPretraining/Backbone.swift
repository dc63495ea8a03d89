// The pretrained encoder by itself, for inference: BatchNorm's running statistics are folded into
// the convolutions. Calls must not overlap.
// Letters: N images, C channels, H×W pixels, h×w cells, K boxes, F features.

import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor

package final class Backbone {
  package let config: Config
  /// Every weight and statistic; names begin with "online.encoder.". What assigns to them is seen by
  /// the next call.
  package let state: [NamedState]
  private let encoder: ResNet
  private let engine: any Engine
  private var folded: (net: FoldedResNet, version: Int)?  // of the weights when it was made

  /// Images per pass: as many as fill the kernels, few enough that a layer's maps stay small.
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
    state = encoder.contents(prefix: Backbone.prefix).state
  }

  package static let prefix = "online.encoder."

  /// F of `embed`.
  package var embeddingSize: Int { encoder.channels(of: config.trainedStage) }
  /// F of `embedRegions`.
  package var regionSize: Int { channels(of: config.roiStage) }
  package func channels(of stage: Stage) -> Int { encoder.channels(of: stage) }

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
    let length = result.count / images.shape[0]
    try forEachMap(images, stage) { map, range in
      map.writePlain(
        into: result.pointer + range.lowerBound * length, workers: self.engine.workers)
    }
    return result
  }

  /// Images (N,3,H,W) plain → globally pooled features (N,F).
  /// - Parameter stage: nil: the trained stage.
  package func embed(_ images: Tensor, stage: Stage? = nil) throws(ScrlError) -> Tensor {
    try checkImages(images)
    let stage = stage ?? config.trainedStage
    let width = channels(of: stage)
    let result = try Tensor(uninitialized: [images.shape[0], width])
    try forEachMap(images, stage) { map, range throws(ScrlError) in
      let rows = try self.engine.globalAveragePool(map)
      (result.pointer + range.lowerBound * width).update(
        from: rows.pointer, count: rows.count)
    }
    return result
  }

  /// RoIAligned features (K,F) of boxes of images (N,3,H,W) plain, one cell a box, whatever
  /// roi.pool_size training used.
  /// - Parameter stage: nil: roi.stage.
  package func embedRegions(
    _ images: Tensor, boxes: [RegionBox], stage: Stage? = nil
  ) throws(ScrlError) -> Tensor {
    try checkImages(images)
    let stage = stage ?? config.roiStage
    let roi = try config.roiOptions(side: 1, stage: stage)
    let width = channels(of: stage)
    let result = try Tensor(uninitialized: [boxes.count, width])
    let rowsByImage = Dictionary(grouping: boxes.indices) { boxes[$0].image }
    let isWanted = { (range: Range<Int>) in range.contains { rowsByImage[$0] != nil } }
    try forEachMap(images, stage, where: isWanted) { map, range throws(ScrlError) in
      let rows = range.flatMap { rowsByImage[$0] ?? [] }
      let inside = rows.map { boxes[$0].moved(to: boxes[$0].image - range.lowerBound) }
      let pooled = try self.engine.roiAlign(map, boxes: inside, roi)
      for (place, row) in rows.enumerated() {
        (result.pointer + row * width).update(
          from: pooled.pointer + place * width, count: width)
      }
    }
    return result
  }

  /// The encoder with its present weights folded, which takes as long as some images: kept.
  private func net() throws(ScrlError) -> FoldedResNet {
    let version = state.reduce(0) { $0 + $1.tensor.version }
    if let folded, folded.version == version { return folded.net }
    folded = nil  // its memory first
    let net = try FoldedResNet(encoder, engine: engine)
    folded = (net, version)
    return net
  }

  private func checkImages(_ images: Tensor) throws(ScrlError) {
    guard images.shape.count == 4, images.shape[1] == 3, images.count > 0 else {
      throw ScrlError(.shape, "model: got images \(images.shape) · expected (N,3,H,W)")
    }
  }

  /// Calls the body with the maps of a few images at a time, blocked, and the images' places.
  /// - Parameter isWanted: whether the maps of these places are needed.
  private func forEachMap(
    _ images: Tensor, _ stage: Stage, where isWanted: (Range<Int>) -> Bool = { _ in true },
    _ body: (Tensor, Range<Int>) throws(ScrlError) -> Void
  ) throws(ScrlError) {
    let net = try net()
    let total = images.shape[0]
    var done = 0
    while done < total {
      let range = done..<min(total, done + Backbone.chunk)
      done = range.upperBound
      guard isWanted(range) else { continue }
      let chunk = images.images(range)
      try checkFinite(chunk)
      let blocked = try chunk.blocked(engine.channelBlock(for: 3), workers: engine.workers)
      try body(try net.forward(blocked, upTo: stage), range)
    }
  }

  /// A ReLU that is fused into a convolution would make a clean 0 of NaN.
  private func checkFinite(_ images: Tensor) throws(ScrlError) {
    guard try squaredNorm(images.buffer, engine.workers).isFinite else {
      throw ScrlError(.argument, "model: got pixels that are not finite · expected numbers")
    }
  }
}
