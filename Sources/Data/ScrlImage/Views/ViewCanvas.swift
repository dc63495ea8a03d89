// The workbench of one view: S×S×3 bytes and the steps that change them.

import ScrlBase

final class ViewCanvas {
  private let size: Int  // S
  private var pixels: [UInt8]  // (S,S,3)
  private let resampler = Resampler()
  private lazy var blurrer = Blurrer(size: size)
  private var x = ResampleAxis()
  private var y = ResampleAxis()

  init(size: Int) {
    self.size = min(max(size, 1), ViewOptions.maxSize)  // `check` refuses others before use
    pixels = [UInt8](repeating: 0, count: self.size * self.size * 3)
  }

  func take(_ crop: Crop, of image: RGBImage, flipped: Bool) {
    x.rebuild(from: crop.width, to: size, window: 0..<size)
    y.rebuild(from: crop.height, to: size, window: 0..<size)
    resample(crop, of: image, flipped: flipped)
  }

  @discardableResult
  func takeCenter(of image: RGBImage) -> Crop {
    let center = CenterView(width: image.width, height: image.height, size: size)
    x.rebuild(from: image.width, to: center.resizedWidth, window: center.x..<center.x + size)
    y.rebuild(from: image.height, to: center.resizedHeight, window: center.y..<center.y + size)
    let whole = Crop(y: 0, x: 0, height: image.height, width: image.width)
    resample(whole, of: image, flipped: false)
    return center.crop
  }

  private func resample(_ crop: Crop, of image: RGBImage, flipped: Bool) {
    image.pixels.withUnsafeBufferPointer { source in
      pixels.withUnsafeMutableBufferPointer { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        resampler.resample(
          source + (crop.y * image.width + crop.x) * 3, rowStride: image.width * 3, x: x, y: y,
          flipped: flipped, into: target)
      }
    }
  }

  /// Colour jitter, grayscale, blur, solarize: each with its chance.
  func distort(_ strength: Strength, _ blur: ViewOptions.Blur, _ stream: inout RandomStream) {
    let count = size * size
    let blurrer = self.blurrer
    pixels.withUnsafeMutableBufferPointer { buffer in
      guard let pixels = buffer.baseAddress else { return }
      var jitter: (ColorJitter, order: [ColorJitter.Step])?
      if stream.chance(0.8) {
        let drawn = ColorJitter(
          brightness: stream.uniform(in: 0.6...1.4), contrast: stream.uniform(in: 0.6...1.4),
          saturation: stream.uniform(in: 0.8...1.2), hue: stream.uniform(in: -0.1...0.1))
        jitter = (drawn, shuffledSteps(&stream))
      }
      let gray = stream.chance(0.2)
      if let (jitter, order) = jitter {
        applyJitter(jitter, order: order, then: gray ? .gray : nil, pixels, count: count)
      } else if gray {
        convertToGray(pixels, count: count)
      }
      if stream.chance(strength.blur) {
        switch blur {
        case .resize:
          let level = stream.integer(in: 0..<Blurrer.factors.count)
          blurrer.resizeBlur(level: level, pixels, resampler)
        case .gaussian:
          blurrer.gaussianBlur(sigma: stream.uniform(in: Blurrer.sigmas), pixels)
        }
      }
      if stream.chance(strength.solarize) { solarize(threshold: 128, pixels, count: count) }
    }
  }

  /// Bytes to floats, normalised by ImageNet's mean and deviation.
  func write(_ layout: PixelLayout, into target: UnsafeMutablePointer<Float>) {
    normalise(pixels, layout, into: target)
  }
}

private func shuffledSteps(_ stream: inout RandomStream) -> [ColorJitter.Step] {
  var steps = ColorJitter.Step.allCases
  for last in stride(from: steps.count - 1, to: 0, by: -1) {
    steps.swapAt(last, stream.integer(in: 0..<last + 1))
  }
  return steps
}
