// Makes batches ahead of the trainer on threads of its own. Which images and which views a step
// sees follows from (seed, step) alone, so neither thread count nor timing shows in the result.

import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlStore
import ScrlTensor

package final class Loader {
  /// The step whose batch is next, counted from 0.
  package private(set) var nextStep: Int
  private let work: LoaderWork
  private var threads: [Thread] = []

  /// - Parameter firstStep: the step, counted from 0, whose batch is wanted first.
  package init(
    _ dataset: DatasetReader, _ config: Config, engine: any Engine, firstStep: Int
  ) throws(ScrlError) {
    nextStep = firstStep
    work = LoaderWork(dataset, config, engine: engine, firstStep: firstStep)
    for _ in 0..<config.resolvedLoaderThreads {
      threads.append(try Thread { [work] in work.serve() })
    }
  }

  deinit {
    work.stop()
    for thread in threads { thread.join() }
  }

  /// The batch of the next step; waits until it is made.
  package func nextBatch() throws(ScrlError) -> Batch {
    let batch = try work.nextBatch()
    nextStep += 1
    return batch
  }
}

/// What the threads share. Everything mutable is guarded by `monitor`, except the pixels of a
/// slot's image, which belong to the thread that took the task.
private final class LoaderWork: @unchecked Sendable {
  private let dataset: DatasetReader
  private let config: Config
  private let block: Int  // of the views' layout
  private let monitor = Monitor()
  private var drafts: [Draft] = []  // consecutive steps, the oldest first
  private var nextStep: Int  // the step after the last draft
  private var stopped = false
  private var failure: ScrlError?

  init(
    _ dataset: DatasetReader, _ config: Config, engine: any Engine, firstStep: Int
  ) {
    self.dataset = dataset
    self.config = config
    block = engine.channelBlock(for: 3)
    nextStep = firstStep
  }

  func stop() {
    monitor.locked {
      stopped = true
      monitor.wakeAll()
    }
  }

  func nextBatch() throws(ScrlError) -> Batch {
    let draft = try monitor.locked { () throws(ScrlError) -> Draft in
      while true {
        if let failure { throw failure }
        if let first = drafts.first, first.isDone {
          drafts.removeFirst()
          monitor.wakeAll()
          return first
        }
        monitor.wait()
      }
    }
    return try draft.finish()
  }

  /// A thread's life: take an image, make its views, until stopped.
  func serve() {
    do throws(ScrlError) {
      let maker = try SampleMaker(dataset, config, block: block)
      while let (draft, place) = try nextTask() {
        let sample = maker.make(draft, place)
        monitor.locked {
          draft.samples[place] = sample
          draft.remaining -= 1
          if draft.isDone { monitor.wakeAll() }
        }
      }
    } catch {
      monitor.locked {
        failure = error
        monitor.wakeAll()
      }
    }
  }

  private func nextTask() throws(ScrlError) -> (Draft, place: Int)? {
    try monitor.locked { () throws(ScrlError) in
      while !stopped && failure == nil {
        if let draft = drafts.first(where: { $0.taken < $0.samples.count }) {
          defer { draft.taken += 1 }
          return (draft, draft.taken)
        }
        if drafts.count < config.loaderPrefetch {
          drafts.append(try Draft(step: nextStep, config, dataset, block: block))
          nextStep += 1
        } else {
          monitor.wait()
        }
      }
      return nil
    }
  }
}

/// A batch in the making.
private final class Draft {
  let epoch: Int
  let indices: [Int]  // the dataset's samples
  let views: Tensor  // (2N,3,S,S)
  private let labels: [Int]  // −1: none
  var samples: [Sample?]
  var taken = 0
  var remaining: Int

  var isDone: Bool { remaining == 0 }

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
    samples = Array(repeating: nil, count: config.batch)
    remaining = config.batch
  }

  /// Images that could not be read leave the batch; those without boxes stay for BatchNorm.
  func finish() throws(ScrlError) -> Batch {
    let good = samples.indices.filter { samples[$0]?.isReadable == true }
    let kept = good.count == samples.count ? views : try keeping(good)
    var boxes1: [RegionBox] = []
    var boxes2: [RegionBox] = []
    for (image, place) in good.enumerated() {
      for (one, two) in samples[place]?.boxes ?? [] {
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
          from: views.pointer + (view * samples.count + place) * length, count: length)
      }
    }
    return kept
  }
}

private struct Sample {
  let isReadable: Bool
  let boxes: [(PixelBox, PixelBox)]
}

/// One thread's tools: bytes, decoder, views.
private final class SampleMaker {
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
