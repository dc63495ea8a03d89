import ScrlBase
import Testing

@testable import ScrlImage

@Suite struct ViewTests {
  /// Red grows with x, green with y: a pixel's colour says where it is.
  private func map(width: Int, height: Int) throws -> RGBImage {
    var pixels: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        pixels += [UInt8(x * 255 / max(1, width - 1)), UInt8(y * 255 / max(1, height - 1)), 99]
      }
    }
    return try RGBImage(width: width, height: height, pixels: pixels)
  }

  private func made(
    _ image: RGBImage, _ options: ViewOptions, sample: Int = 0, epoch: Int = 0, seed: UInt64 = 3,
    minSize: Int = 8
  ) throws -> (one: [Float], two: [Float], geometry: ViewPairGeometry) {
    let maker = ViewMaker(options: options, boxes: BoxOptions(minSize: minSize), seed: seed)
    let count = options.size * options.size * 3
    var one = [Float](repeating: .nan, count: count)
    var two = one
    let geometry = try maker.make(
      image, epoch: epoch, sample: sample, pixelLayout: .planar, into: &one, &two)
    return (one, two, geometry)
  }

  @Test("Under matched boxes both views show the same place of the image, flips included")
  func pixelsAgreeWithBoxes() throws {
    let size = 64
    let image = try map(width: 160, height: 120)
    var flips = 0
    for sample in 0..<12 {
      let pair = try made(image, ViewOptions(size: size, augmentation: .simple), sample: sample)
      if pair.geometry.view1.flipped != pair.geometry.view2.flipped { flips += 1 }
      for (a, b) in pair.geometry.boxes {
        for (channel, deviation) in [Float(0.229), 0.224].enumerated() {
          let red = [(pair.one, a), (pair.two, b)].map { view, box in
            let x = min(Int((box.x0 + box.x1) / 2), size - 1)
            let y = min(Int((box.y0 + box.y1) / 2), size - 1)
            return view[(channel * size + y) * size + x]
          }
          // A pixel of a view is up to 160/64 source pixels; two of 255/119 levels each are < 12.
          #expect(abs(red[0] - red[1]) * deviation * 255 < 12, "sample \(sample)")
        }
      }
    }
    #expect(flips > 2)
  }

  @Test("The same address gives the same floats: again, and from other threads")
  func reproducible() throws {
    let image = try map(width: 50, height: 40)
    let options = ViewOptions(size: 24)
    let first = try (0..<4).map { try made(image, options, sample: $0) }
    for sample in 0..<4 {
      let again = try made(image, options, sample: sample)
      #expect(again.one == first[sample].one && again.two == first[sample].two)
      #expect(again.geometry.boxes.elementsEqual(first[sample].geometry.boxes, by: ==))
    }
    let lock = RecursiveLock()
    nonisolated(unsafe) var equal = 0
    Workers(2).run(4) { sample in
      // A maker that has made another view before, on whichever thread this is.
      _ = try? made(image, options, sample: sample + 9)
      guard let other = try? made(image, options, sample: sample) else { return }
      lock.locked {
        if other.one == first[sample].one && other.two == first[sample].two { equal += 1 }
      }
    }
    #expect(equal == 4)
  }

  @Test("A maker's scratch does not leak from one image into the next")
  func noLeak() throws {
    let options = ViewOptions(size: 16, blur: .gaussian)
    let maker = ViewMaker(options: options, boxes: BoxOptions(minSize: 4), seed: 1)
    let (large, small) = (try map(width: 60, height: 70), try map(width: 9, height: 5))
    func run(_ maker: ViewMaker, _ image: RGBImage, _ sample: Int) throws -> [Float] {
      var one = [Float](repeating: 0, count: 16 * 16 * 3)
      var two = one
      _ = try maker.make(
        image, epoch: 0, sample: sample, pixelLayout: .interleaved, into: &one, &two)
      return one + two
    }
    for sample in 0..<6 {
      _ = try run(maker, large, sample)
      let fresh = ViewMaker(options: options, boxes: BoxOptions(minSize: 4), seed: 1)
      #expect(try run(maker, small, sample) == run(fresh, small, sample))
    }
  }

  @Test("Seed, epoch and sample each change the views, and the two views differ")
  func addressMatters() throws {
    let image = try map(width: 50, height: 40)
    let options = ViewOptions(size: 16)
    let base = try made(image, options)
    #expect(base.one != base.two)
    #expect(try made(image, options, sample: 1).one != base.one)
    #expect(try made(image, options, epoch: 1).one != base.one)
    #expect(try made(image, options, seed: 4).one != base.one)
  }

  @Test("The augmentation `none` gives the inference view twice")
  func none() throws {
    let image = try map(width: 90, height: 70)
    let pair = try made(image, ViewOptions(size: 32, augmentation: .none))
    var inference = [Float](repeating: .nan, count: 32 * 32 * 3)
    try prepareForInference(image, size: 32, layout: .planar, into: &inference)
    #expect(pair.one == inference && pair.two == inference)
    // 70 → 64 and 90 → 82: the square starts at (25, 16) of 82×64, which is (27, 18) of 90×70.
    let crop = Crop(y: 18, x: 27, height: 35, width: 35)
    #expect(pair.geometry.view1 == ViewGeometry(crop: crop, flipped: false))
    #expect(pair.geometry.view1 == pair.geometry.view2)
    #expect(!pair.geometry.boxes.isEmpty)
    #expect(pair.geometry.boxes.allSatisfy { $0.0 == $0.1 })
  }

  @Test(
    "Tiny and very long images give finite views",
    arguments: [(1, 1), (1, 2), (2, 1), (3, 1), (1, 400), (400, 1), (5, 7), (3000, 2)])
  func extremes(width: Int, height: Int) throws {
    let image = try map(width: width, height: height)
    for augmentation in ViewOptions.Augmentation.allCases {
      for blur in ViewOptions.Blur.allCases {
        for size in [1, 2, 21] {
          let options = ViewOptions(size: size, augmentation: augmentation, blur: blur)
          let pair = try made(image, options, minSize: 1)
          #expect(pair.one.allSatisfy(\.isFinite) && pair.two.allSatisfy(\.isFinite))
          let crop = pair.geometry.view1.crop
          #expect(crop.width >= 1 && crop.height >= 1)
        }
      }
    }
  }

  @Test("An empty or inconsistent image is a data error, bad options are config errors")
  func refused() throws {
    let image = try map(width: 4, height: 4)
    var broken = image
    broken.width = 5
    for bad in [RGBImage(), broken] {
      let error = #expect(throws: ScrlError.self) { try made(bad, ViewOptions(size: 8)) }
      #expect(error?.code == .data)
    }
    for bad in [
      ViewOptions(size: 0), ViewOptions(size: 5000), ViewOptions(size: 8, cropScale: 0...1),
      ViewOptions(size: 8, cropScale: 0.5...2),
    ] {
      let maker = ViewMaker(options: bad, boxes: BoxOptions(), seed: 0)
      var room = [Float](repeating: 0, count: 8 * 8 * 3)
      var more = room
      let error = #expect(throws: ScrlError.self) {
        try maker.make(image, epoch: 0, sample: 0, pixelLayout: .planar, into: &room, &more)
      }
      #expect(error?.code == .config)
    }
    #expect(throws: ScrlError.self) { try RGBImage(width: 0, height: 3, pixels: []) }
    #expect(throws: ScrlError.self) { try RGBImage(width: 1, height: 1, pixels: [1]) }
  }

  @Test("Random crops keep to area and aspect; half of the views are flipped")
  func cropDistribution() {
    var stream = RandomStream(seed: 8, use: .test)
    let draws = 4000
    var areas: [Double] = []
    for _ in 0..<draws {
      let crop = randomResizedCrop(width: 500, height: 500, scale: 0.2...1, &stream)
      #expect(crop.x >= 0 && crop.y >= 0)
      #expect(crop.x + crop.width <= 500 && crop.y + crop.height <= 500)
      // Sides are rounded by half a pixel of at least 193 (area 0.2, aspect 3/4).
      let aspect = Double(crop.width) / Double(crop.height)
      #expect(aspect > 0.745 && aspect < 1.342)
      areas.append(Double(crop.width * crop.height) / 250_000)
    }
    #expect(areas.allSatisfy { $0 > 0.198 && $0 <= 1 })
    #expect((areas.min() ?? 1) < 0.22 && (areas.max() ?? 0) > 0.95)
    // Below 0.75 nothing is rejected, so two equal area ranges there are equally likely:
    // a binomial of about 2700 draws, five deviations are 130.
    let (low, high) = (areas.filter { $0 < 0.475 }.count, areas.filter { $0 < 0.75 }.count)
    #expect(abs(2 * low - high) < 260)
    let flips = (0..<draws).filter { _ in stream.chance(0.5) }.count
    #expect(abs(flips - draws / 2) < 160)  // five deviations of √(4000/4)
  }
}
