// What the two-view recipe and the box sampler can be told. Raw values are the words of a config.

import ScrlBase

package struct ViewOptions: Sendable, Equatable {
  package enum Augmentation: String, CaseIterable, Sendable {
    case none  // shorter side to size + 32, centre crop; both views the same
    case simple  // random resized crop, flip
    case simclr  // and colour jitter, grayscale, blur, solarize
  }

  package enum Blur: String, CaseIterable, Sendable {
    case resize
    case gaussian
  }

  package static let maxSize = 4096

  package var size: Int  // S, pixels per side of a view
  package var cropScale: ClosedRange<Double>  // crop's area over the image's area
  package var augmentation: Augmentation
  package var blur: Blur

  package init(
    size: Int = 224, cropScale: ClosedRange<Double> = 0.2...1.0,
    augmentation: Augmentation = .simclr, blur: Blur = .resize
  ) {
    self.size = size
    self.cropScale = cropScale
    self.augmentation = augmentation
    self.blur = blur
  }

  package func check() throws(ScrlError) {
    guard (1...ViewOptions.maxSize).contains(size) else {
      throw ScrlError(
        .config, "views: size is \(size), expected 1...\(ViewOptions.maxSize)")
    }
    guard cropScale.lowerBound > 0, cropScale.upperBound <= 1 else {
      throw ScrlError(.config, "views: crop scale is \(cropScale), expected within (0, 1]")
    }
  }
}

package struct BoxOptions: Sendable, Equatable {
  package enum Sampler: String, CaseIterable, Sendable {
    case grid
    case plain
  }

  package var perImage: Int
  package var minSize: Int  // pixels of the view with the smaller zoom
  package var iouThreshold: Double  // in view 1; 1 accepts every box
  package var sampler: Sampler
  package var jitter: Double  // ratio of the box's extent; 0 = off
  package var attempts: Int

  package init(
    perImage: Int = 10, minSize: Int = 32, iouThreshold: Double = 0.5, sampler: Sampler = .grid,
    jitter: Double = 0, attempts: Int = 50
  ) {
    self.perImage = perImage
    self.minSize = minSize
    self.iouThreshold = iouThreshold
    self.sampler = sampler
    self.jitter = jitter
    self.attempts = attempts
  }

  package func check() throws(ScrlError) {
    guard (0...10_000).contains(perImage), (1...4096).contains(minSize),
      (1...10_000).contains(attempts)
    else {
      throw ScrlError(
        .config,
        "boxes: got \(perImage) per image, minimum size \(minSize), \(attempts) attempts; "
          + "expected 0...10000, 1...4096, 1...10000")
    }
    guard (0...1).contains(iouThreshold), (0..<1).contains(jitter) else {
      throw ScrlError(
        .config, "boxes: IoU threshold \(iouThreshold), jitter \(jitter); expected [0, 1], [0, 1)")
    }
  }
}
