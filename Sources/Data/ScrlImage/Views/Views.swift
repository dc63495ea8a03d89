// The two augmented views of one image, and the view for inference.
// Letters: S view size. Order of the recipe: crop, flip, jitter, grayscale, blur, solarize,
// normalise. What is drawn depends on the address (seed, epoch, sample, view) alone.

import ScrlBase

/// One per thread; owns its scratch.
package final class ViewMaker {
  package let options: ViewOptions
  package let boxes: BoxOptions
  private let seed: UInt64
  private let canvas: ViewCanvas

  package init(options: ViewOptions, boxes: BoxOptions, seed: UInt64) {
    self.options = options
    self.boxes = boxes
    self.seed = seed
    canvas = ViewCanvas(size: options.size)
  }

  /// True when a new maker of these would make the same views.
  package func makesViews(of options: ViewOptions, _ boxes: BoxOptions, seed: UInt64) -> Bool {
    self.options == options && self.boxes == boxes && self.seed == seed
  }

  /// Writes both views, each S·S·3 floats, and says where they and their matched boxes lie.
  package func make(
    _ image: RGBImage, epoch: Int, sample: Int, pixelLayout: PixelLayout,
    into view1: UnsafeMutablePointer<Float>, _ view2: UnsafeMutablePointer<Float>
  ) throws(ScrlError) -> ViewPairGeometry {
    try options.check()
    try boxes.check()
    try checkImage(image)
    var first = RandomStream(seed: seed, epoch: epoch, sample: sample, use: .viewOne)
    var second = RandomStream(seed: seed, epoch: epoch, sample: sample, use: .viewTwo)
    var third = RandomStream(seed: seed, epoch: epoch, sample: sample, use: .boxes)
    let g1 = view(image, .one, &first, pixelLayout, into: view1)
    let g2 = view(image, .two, &second, pixelLayout, into: view2)
    let pairs = matchedBoxes(g1, g2, size: options.size, boxes, &third)
    return ViewPairGeometry(view1: g1, view2: g2, boxes: pairs)
  }

  /// The first of both views alone, S·S·3 floats.
  @discardableResult
  package func makeOne(
    _ image: RGBImage, epoch: Int, sample: Int, pixelLayout: PixelLayout,
    into target: UnsafeMutablePointer<Float>
  ) throws(ScrlError) -> ViewGeometry {
    try options.check()
    try checkImage(image)
    var stream = RandomStream(seed: seed, epoch: epoch, sample: sample, use: .viewOne)
    return view(image, .one, &stream, pixelLayout, into: target)
  }

  /// One view of the `none` recipe: shorter side to size + 32, centre crop, normalise.
  package func prepareForInference(
    _ image: RGBImage, layout: PixelLayout, into target: UnsafeMutablePointer<Float>
  ) throws(ScrlError) {
    try options.check()
    try checkImage(image)
    canvas.takeCenter(of: image)
    canvas.write(layout, into: target)
  }

  private func view(
    _ image: RGBImage, _ strength: Strength, _ stream: inout RandomStream, _ layout: PixelLayout,
    into target: UnsafeMutablePointer<Float>
  ) -> ViewGeometry {
    defer { canvas.write(layout, into: target) }
    if options.augmentation == .none {
      return ViewGeometry(crop: canvas.takeCenter(of: image), flipped: false)
    }
    let crop = randomResizedCrop(
      width: image.width, height: image.height, scale: options.cropScale, &stream)
    let flipped = stream.chance(0.5)
    canvas.take(crop, of: image, flipped: flipped)
    if options.augmentation == .simclr {
      canvas.distort(strength, options.blur, &stream)
    }
    return ViewGeometry(crop: crop, flipped: flipped)
  }
}

/// The same without a maker: for a picture now and then.
package func prepareForInference(
  _ image: RGBImage, size: Int, layout: PixelLayout, into target: UnsafeMutablePointer<Float>
) throws(ScrlError) {
  let maker = ViewMaker(options: ViewOptions(size: size), boxes: BoxOptions(), seed: 0)
  try maker.prepareForInference(image, layout: layout, into: target)
}

/// How the SimCLR recipe treats each view (BYOL, table 6).
struct Strength {
  let blur: Double  // probabilities
  let solarize: Double

  static let one = Strength(blur: 1.0, solarize: 0.0)
  static let two = Strength(blur: 0.1, solarize: 0.2)
}

private func checkImage(_ image: RGBImage) throws(ScrlError) {
  guard image.isUsable else {
    throw ScrlError(
      .data,
      "views: image is \(image.width)×\(image.height) with \(image.pixels.count) bytes, expected "
        + "at least one pixel and H·W·3 bytes")
  }
}
