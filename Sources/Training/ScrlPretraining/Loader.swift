// The batches of pretraining. Which images and which views a step sees follows from (seed, step)
// alone. Not here: the threads that make them ahead (Prefetcher).

import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlStore
import ScrlTensor
import ScrlTraining

struct ViewRecipe: BatchRecipe {
  let dataset: DatasetReader
  let config: Config
  let block: Int  // of the views' layout

  func tools() throws(ScrlError) -> SampleMaker {
    try SampleMaker(dataset, config, block: block)
  }

  func draft(step: Int) throws(ScrlError) -> Draft {
    try Draft(step: step, config, dataset, block: block)
  }

  func make(_ draft: Draft, _ place: Int, with maker: SampleMaker) -> Sample {
    maker.make(draft, place)
  }

  func finish(_ draft: Draft, _ samples: [Sample]) throws(ScrlError) -> Batch {
    try draft.finish(samples)
  }
}

/// A batch in the making.
final class Draft: BatchDraft {
  let epoch: Int
  let indices: [Int]  // the dataset's samples
  let views: Tensor  // (2N,3,S,S)
  private let labels: [Int]  // −1: none

  var count: Int { indices.count }

  init(step: Int, _ config: Config, _ dataset: DatasetReader, block: Int) throws(ScrlError) {
    let count = dataset.count
    let stepsPerEpoch = count / config.batch
    let position = step % stepsPerEpoch * config.batch
    let epoch = step / stepsPerEpoch
    let order = Permutation(count: count, seed: UInt64(config.seed), epoch: epoch)
    self.epoch = epoch
    indices = (position..<position + config.batch).map { order[$0] }
    labels = indices.map { Int(dataset.label(of: $0) ?? -1) }
    views = try Tensor(
      uninitialized: [2 * config.batch, 3, config.viewSize, config.viewSize],
      layout: .blocked(block))
  }

  /// Images that could not be read leave the batch; those without boxes stay for BatchNorm.
  func finish(_ samples: [Sample]) throws(ScrlError) -> Batch {
    let good = samples.indices.filter { samples[$0].isReadable }
    let kept = good.count == samples.count ? views : try keeping(good)
    var boxes1: [RegionBox] = []
    var boxes2: [RegionBox] = []
    for (image, place) in good.enumerated() {
      for (one, two) in samples[place].boxes {
        boxes1.append(one.region(image: image))
        boxes2.append(two.region(image: image + good.count))
      }
    }
    return Batch(
      views: kept, boxes1: boxes1, boxes2: boxes2, labels: good.map { labels[$0] }, epoch: epoch,
      unreadable: samples.count - good.count)
  }

  private func keeping(_ good: [Int]) throws(ScrlError) -> Tensor {
    let extents = Array(views.shape.dropFirst())
    let length = try elementCount(extents)
    let kept = try Tensor(uninitialized: [2 * good.count] + extents, layout: views.layout)
    for (image, place) in good.enumerated() {
      for view in 0..<2 {
        (kept.pointer + (view * good.count + image) * length).update(
          from: views.pointer + (view * count + place) * length, count: length)
      }
    }
    return kept
  }
}

struct Sample {
  let isReadable: Bool
  let boxes: [(PixelBox, PixelBox)]
}

/// One thread's tools: bytes, decoder, views.
final class SampleMaker {
  private let dataset: DatasetReader
  private let layout: PixelLayout
  private let codec: JPEGCodec
  private let maker: ViewMaker
  private var bytes: [UInt8] = []
  private var image = RGBImage()

  init(_ dataset: DatasetReader, _ config: Config, block: Int) throws(ScrlError) {
    self.dataset = dataset
    layout = try PixelLayout(channelBlock: block)
    codec = try JPEGCodec()
    maker = ViewMaker(
      options: config.viewOptions, boxes: config.boxOptions, seed: UInt64(config.seed))
  }

  func make(_ draft: Draft, _ place: Int) -> Sample {
    let index = draft.indices[place]
    let length = draft.views.count / draft.views.shape[0]
    let view1 = draft.views.pointer + place * length
    let view2 = draft.views.pointer + (draft.indices.count + place) * length
    do throws(ScrlError) {
      try dataset.readJPEG(index, into: &bytes)
      try bytes.decode(with: codec, into: &image)
      let pair = try maker.make(
        image, epoch: draft.epoch, sample: index, pixelLayout: layout, into: view1, view2)
      return Sample(isReadable: true, boxes: pair.boxes)
    } catch {
      Log.shared.note("train: image \(index) skipped: \(error)")
      return Sample(isReadable: false, boxes: [])
    }
  }
}

extension PixelLayout {
  /// A picture as an activation: all three channels in a block are interleaved, one is planar.
  package init(channelBlock: Int) throws(ScrlError) {
    switch channelBlock {
    case 3: self = .interleaved
    case 1: self = .planar
    default:
      throw ScrlError(.internal, "views: \(channelBlock) channels per block of an RGB image")
    }
  }
}

extension [UInt8] {
  package func decode(with codec: JPEGCodec, into image: inout RGBImage) throws(ScrlError) {
    var failure: ScrlError?
    withUnsafeBytes { bytes in
      do throws(ScrlError) { try codec.decode(bytes, into: &image) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}

extension PixelBox {
  package func region(image: Int) -> RegionBox {
    RegionBox(image: image, x0: x0, y0: y0, x1: x1, y1: y1)
  }
}
