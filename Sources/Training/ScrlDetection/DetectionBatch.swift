// The batches of a detector's training. Samples form one endless row, a permutation of the images
// after the other, cut into batches; which sample, which size and whether mirrored follow from
// (seed, epoch, sample) alone.
// Letters: N images, H×W pixels, padded.

import ScrlBase
import ScrlImage
import ScrlPretraining
import ScrlStore
import ScrlTensor
import ScrlTraining

package struct DetectionBatch {
  package let images: Tensor  // (N,3,H,W) plain, normalised; zeros beside and below each picture
  package let sizes: [(height: Int, width: Int)]  // without the zeros
  package let targets: [ImageTargets]
  package let epoch: Int  // of the first sample
  package let unreadable: Int  // samples of the step that are not in it: unreadable, or no box left

  package var boxCount: Int { targets.reduce(0) { $0 + $1.boxes.count } }
}

struct DetectionRecipe: BatchRecipe {
  let samples: DetectionSamples
  let config: Config
  let multiple: Int  // of the padded extents

  func tools() throws(ScrlError) -> DetectionSampleMaker {
    try DetectionSampleMaker(samples, masks: config.detect.kind == .mask)
  }

  func draft(step: Int) throws(ScrlError) -> DetectionDraft {
    try DetectionDraft(step: step, samples, config, multiple: multiple)
  }

  func make(_ draft: DetectionDraft, _ place: Int, with maker: DetectionSampleMaker)
    -> ImageTargets?
  {
    maker.make(draft, place)
  }

  func finish(
    _ draft: DetectionDraft, _ made: [ImageTargets?]
  ) throws(ScrlError) -> DetectionBatch {
    try draft.finish(made)
  }
}

final class DetectionDraft: BatchDraft {
  let epoch: Int
  let indices: [Int]  // of the dataset
  let fits: [Fit]
  let images: Tensor

  var count: Int { indices.count }

  init(
    step: Int, _ samples: DetectionSamples, _ config: Config, multiple: Int
  ) throws(ScrlError) {
    let (count, batch) = (samples.images.count, config.detect.batch)
    var indices: [Int] = []
    var fits: [Fit] = []
    for position in step * batch..<(step + 1) * batch {
      let epoch = position / count
      let order = Permutation(count: count, seed: UInt64(config.seed), epoch: epoch)
      let index = samples.images[order[position % count]]
      indices.append(index)
      fits.append(config.trainingFit(samples.dataset.size(of: index), epoch: epoch, index: index))
    }
    epoch = step * batch / count
    self.indices = indices
    self.fits = fits
    images = try Tensor(zeros: paddedShape(fits, multiple: multiple))
  }

  /// Images that could not be read, or kept no box, leave the batch.
  func finish(_ made: [ImageTargets?]) throws(ScrlError) -> DetectionBatch {
    let good = made.indices.filter { made[$0] != nil }
    var kept = images
    if good.count < count, !good.isEmpty {
      let length = images.count / count
      kept = try Tensor(uninitialized: [good.count] + images.shape.dropFirst())
      for (place, image) in good.enumerated() {
        (kept.pointer + place * length).update(
          from: images.pointer + image * length, count: length)
      }
    }
    return DetectionBatch(
      images: kept, sizes: good.map { (fits[$0].height, fits[$0].width) },
      targets: good.compactMap { made[$0] }, epoch: epoch, unreadable: count - good.count)
  }
}

/// (N,3,H,W) that holds every picture, H and W multiples of a number.
func paddedShape(_ fits: [Fit], multiple: Int) -> [Int] {
  let padded = { (extent: Int) in (extent + multiple - 1) / multiple * multiple }
  let (height, width) = (fits.map(\.height).max() ?? 1, fits.map(\.width).max() ?? 1)
  return [fits.count, 3, padded(height), padded(width)]
}

extension Config {
  /// Size and mirroring of a sample in an epoch.
  fileprivate func trainingFit(
    _ size: (height: Int, width: Int), epoch: Int, index: Int
  ) -> Fit {
    var stream = RandomStream(
      seed: UInt64(seed), epoch: epoch, sample: index, use: .detectorImage)
    let shortest = detect.minSizes[stream.integer(in: 0..<detect.minSizes.count)]
    let flipped = stream.chance(0.5) && detect.flips
    return Fit(
      height: size.height, width: size.width, shortest: shortest, longest: detect.maxSize,
      flipped: flipped)
  }
}

/// One thread's tools: bytes, decoder, resampler.
final class DetectionSampleMaker {
  private let samples: DetectionSamples
  private let masks: Bool
  private let codec: JPEGCodec
  private let fitter = PictureFitter()
  private var bytes: [UInt8] = []
  private var image = RGBImage()

  init(_ samples: DetectionSamples, masks: Bool) throws(ScrlError) {
    self.samples = samples
    self.masks = masks
    codec = try JPEGCodec()
  }

  /// Writes the pixels; nil when the image cannot be used, which the log then tells.
  func make(_ draft: DetectionDraft, _ place: Int) -> ImageTargets? {
    let (index, fit) = (draft.indices[place], draft.fits[place])
    let (height, width) = (draft.images.shape[2], draft.images.shape[3])
    do throws(ScrlError) {
      try samples.dataset.readJPEG(index, into: &bytes)
      try bytes.decode(with: codec, into: &image)
      try fit.check(image)
      let targets = try samples.targets(of: index, fit, masks: masks)
      guard !targets.boxes.isEmpty || samples.isEmpty(index) else {
        throw ScrlError(.data, "none of its boxes lies in the image")
      }
      try fitter.write(
        image, fit, .bilinear, rowStride: width, planeStride: height * width,
        into: draft.images.pointer + place * 3 * height * width)
      return targets
    } catch {
      Log.shared.note("detector: image \(index) skipped: \(error)")
      return nil
    }
  }
}
