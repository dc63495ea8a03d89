// Images → views → the backbone's embeddings, some images at a time.
// Letters: n images, F features, S view size.

import ScrlBase
import ScrlImage
import ScrlMethod
import ScrlStore
import ScrlTensor

final class ImageFeatures: FeatureSource {
  private static let chunk = 16  // images between two progress reports, as many as a pass takes

  private let backbone: Backbone
  private let dataset: DatasetReader
  private let size: Int  // S
  private let makers: [EvaluationView]  // one per thread
  private let advance: (Int) throws(ScrlError) -> Void
  private(set) var unreadable: Set<Int> = []

  var featureCount: Int { backbone.embeddingSize }

  /// - Parameters:
  ///   - isRandom: random crops that the epoch chooses, or centre crops.
  ///   - advance: hears of every so many images; may throw `.cancelled`.
  init(
    _ backbone: Backbone, _ dataset: DatasetReader, _ options: LinearOptions, isRandom: Bool,
    workers: Workers, advance: @escaping (Int) throws(ScrlError) -> Void
  ) throws(ScrlError) {
    self.backbone = backbone
    self.dataset = dataset
    self.advance = advance
    size = options.size ?? backbone.config.viewSize
    var makers: [EvaluationView] = []
    for _ in 0..<min(options.viewThreads ?? workers.count, ImageFeatures.chunk) {
      makers.append(
        try EvaluationView(dataset, size: size, isRandom: isRandom, seed: options.seed))
    }
    self.makers = makers
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
        .diverged, "evaluate_linear: the backbone's features are not finite · expected numbers")
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
    let places = Array(samples.indices)
    var failures = [ScrlError?](repeating: nil, count: places.count)
    let (makers, threads) = (self.makers, self.makers.count)
    failures.withUnsafeMutableBufferPointer { failures in
      nonisolated(unsafe) let failures = failures
      Workers(threads).run(threads) { thread in
        for i in stride(from: thread, to: places.count, by: threads) {
          failures[i] = makers[thread].make(
            samples[places[i]], epoch: epoch, into: target + i * length)
        }
      }
    }
    var kept: [Int] = []
    for (i, place) in places.enumerated() {
      if let failure = failures[i] {
        if unreadable.insert(samples[place]).inserted {  // said once, not in every epoch
          Log.shared.note("evaluate_linear: image \(samples[place]) left out: \(failure)")
        }
        continue
      }
      if kept.count < i {
        (target + kept.count * length).update(from: target + i * length, count: length)
      }
      kept.append(place)
    }
    guard kept.count < places.count else { return (views, kept) }
    let shorter = try Tensor(uninitialized: [kept.count, 3, size, size])
    shorter.pointer.update(from: target, count: shorter.count)
    return (shorter, kept)
  }
}

/// One thread's tools: bytes, decoder, view.
private final class EvaluationView {
  private let dataset: DatasetReader
  private let isRandom: Bool
  private let codec: JPEGCodec
  private let maker: ViewMaker
  private var bytes: [UInt8] = []
  private var image = RGBImage()

  init(_ dataset: DatasetReader, size: Int, isRandom: Bool, seed: UInt64) throws(ScrlError) {
    self.dataset = dataset
    self.isRandom = isRandom
    codec = try JPEGCodec()
    maker = ViewMaker(
      options: ViewOptions(size: size, cropScale: 0.08...1, augmentation: .simple),
      boxes: BoxOptions(), seed: seed)
  }

  /// Writes 3·S·S floats, or says why the image cannot be read.
  func make(_ index: Int, epoch: Int, into target: UnsafeMutablePointer<Float>) -> ScrlError? {
    do throws(ScrlError) {
      try dataset.readJPEG(index, into: &bytes)
      try bytes.decode(with: codec, into: &image)
      if isRandom {
        try maker.makeOne(
          image, epoch: epoch, sample: index, pixelLayout: .planar, into: target)
      } else {
        try maker.prepareForInference(image, layout: .planar, into: target)
      }
      return nil
    } catch {
      return error
    }
  }
}
