// Images → views → the backbone's embeddings, some images at a time.
// Letters: n images, F features, S view size.

import ScrlBase
import ScrlImage
import ScrlPretraining
import ScrlStore
import ScrlTensor

final class ImageFeatures: FeatureSource {
  static let chunk = 16  // images between two progress reports, as many as a pass takes

  private let backbone: Backbone
  private let operation: String
  private let size: Int  // S
  private let isRandom: Bool
  private let team: ImageTeam<ViewMaker>
  private let advance: (Int) throws(ScrlError) -> Void

  var featureCount: Int { backbone.embeddingSize }
  var unreadable: Set<Int> { team.unreadable }

  /// - Parameters:
  ///   - isRandom: random crops that the epoch chooses, or centre crops.
  ///   - advance: hears of every so many images; may throw `.cancelled`.
  init(
    _ backbone: Backbone, _ dataset: DatasetReader, _ reading: ImageReading, isRandom: Bool,
    workers: Workers, advance: @escaping (Int) throws(ScrlError) -> Void
  ) throws(ScrlError) {
    self.backbone = backbone
    self.advance = advance
    self.isRandom = isRandom
    operation = reading.operation
    let size = reading.size ?? backbone.config.viewSize
    self.size = size
    team = try ImageTeam(
      dataset, threads: min(reading.threads ?? workers.count, ImageFeatures.chunk),
      operation: operation
    ) { () throws(ScrlError) in
      ViewMaker(
        options: ViewOptions(size: size, cropScale: 0.08...1, augmentation: .simple),
        boxes: BoxOptions(), seed: reading.seed)
    }
  }

  func features(of samples: [Int], epoch: Int) throws(ScrlError) -> FeatureRows {
    let width = featureCount
    let rows = try Tensor(uninitialized: [samples.count, width])
    var places: [Int] = []
    var done = 0
    while done < samples.count {
      let range = done..<min(samples.count, done + ImageFeatures.chunk)
      let (views, good) = try self.views(of: samples[range], epoch: epoch)
      if !good.isEmpty {
        let embedded = try backbone.embed(views)
        (rows.pointer + places.count * width).update(
          from: embedded.pointer, count: embedded.count)
        places += good
      }
      done = range.upperBound
      try advance(range.count)
    }
    let kept = UnsafeBufferPointer(start: rows.pointer, count: places.count * width)
    guard kept.allSatisfy(\.isFinite) else {
      throw ScrlError(
        .diverged, "\(operation): the backbone's features are not finite · expected numbers")
    }
    guard places.count < samples.count else { return FeatureRows(rows: rows, places: places) }
    return FeatureRows(
      rows: try Tensor(Array(kept), shape: [places.count, width]), places: places)
  }

  /// Views (n,3,S,S) of the samples that could be read, and the samples' places.
  private func views(
    of samples: ArraySlice<Int>, epoch: Int
  ) throws(ScrlError) -> (views: Tensor, places: [Int]) {
    let views = try Tensor(uninitialized: [samples.count, 3, size, size])
    let (target, length) = (views.pointer, 3 * size * size)
    let numbers = Array(samples)
    let isRandom = self.isRandom
    let good = team.forEach(numbers) { maker, image, i throws(ScrlError) in
      if isRandom {
        try maker.makeOne(
          image, epoch: epoch, sample: numbers[i], pixelLayout: .planar,
          into: target + i * length)
      } else {
        try maker.prepareForInference(image, layout: .planar, into: target + i * length)
      }
    }
    return (try views.keeping(good), good.map { samples.startIndex + $0 })
  }
}

extension Tensor {
  /// Some of the images of (N,…), moved together, in the order given; the same memory when it is
  /// all of them, which must then be ascending.
  func keeping(_ images: [Int]) throws(ScrlError) -> Tensor {
    guard images.count < shape[0] else { return self }
    let kept = try Tensor(uninitialized: [images.count] + shape.dropFirst())
    let length = count / max(shape[0], 1)
    for (place, image) in images.enumerated() {
      (kept.pointer + place * length).update(from: pointer + image * length, count: length)
    }
    return kept
  }
}
