import ScrlBase
import Testing

@testable import ScrlImage

@Suite struct BoxTests {
  /// Random crops of a 640×480 image, and how the views are flipped.
  private func views(_ sample: Int) -> (ViewGeometry, ViewGeometry) {
    var stream = RandomStream(seed: 1, sample: sample, use: .test)
    func one() -> ViewGeometry {
      let crop = randomResizedCrop(width: 640, height: 480, scale: 0.2...1, &stream)
      return ViewGeometry(crop: crop, flipped: stream.chance(0.5))
    }
    return (one(), one())
  }

  private func boxes(
    _ g: (ViewGeometry, ViewGeometry), _ sample: Int, _ options: BoxOptions = BoxOptions()
  ) -> [(PixelBox, PixelBox)] {
    var stream = RandomStream(seed: 2, sample: sample, use: .boxes)
    return matchedBoxes(g.0, g.1, size: 224, options, &stream)
  }

  /// Left, top, right, bottom in source pixels; nil where the view's border clipped the edge.
  private func sourceEdges(_ box: PixelBox, _ view: ViewGeometry, flip: Bool) -> [Double?] {
    func back(_ place: Float, _ origin: Int, _ extent: Int, mirrored: Bool) -> Double? {
      if place <= 0 || place >= 224 { return nil }
      let unmirrored = mirrored ? 224 - Double(place) : Double(place)
      return Double(origin) + unmirrored * Double(extent) / 224
    }
    let crop = view.crop
    let mirrored = flip && view.flipped
    var x = [box.x0, box.x1].map { back($0, crop.x, crop.width, mirrored: mirrored) }
    if mirrored { x.reverse() }
    let y = [box.y0, box.y1].map { back($0, crop.y, crop.height, mirrored: false) }
    return [x[0], y[0], x[1], y[1]]
  }

  /// The largest disagreement of both views about any edge that neither border clipped.
  private func disagreement(
    _ g: (ViewGeometry, ViewGeometry), _ pairs: [(PixelBox, PixelBox)], flip: Bool = true
  ) -> Double {
    var worst = 0.0
    for (one, two) in pairs {
      let edges = zip(sourceEdges(one, g.0, flip: flip), sourceEdges(two, g.1, flip: flip))
      for case (let a?, let b?) in edges { worst = max(worst, abs(a - b)) }
    }
    return worst
  }

  // Float boxes: 224·2⁻²⁴ in view pixels, times a zoom of at most 640/224, twice: 1e-4.
  @Test(
    "A box maps back to the same source pixels from both views",
    arguments: [BoxOptions.Sampler.grid, .plain])
  func sameRegion(sampler: BoxOptions.Sampler) {
    var seen = 0
    for sample in 0..<400 {
      let g = views(sample)
      let pairs = boxes(g, sample, BoxOptions(sampler: sampler))
      seen += pairs.count
      #expect(disagreement(g, pairs) <= 1e-3, "\(g)")
    }
    #expect(seen > 2000)
  }

  @Test("Mapping back without the flip fails for nearly every pair of views with one flip")
  func flipMatters() {
    var (oneFlip, noticed) = (0, 0)
    for sample in 0..<200 {
      let g = views(sample)
      let pairs = boxes(g, sample)
      if pairs.isEmpty || g.0.flipped == g.1.flipped { continue }
      oneFlip += 1
      if disagreement(g, pairs, flip: false) > 1 { noticed += 1 }
    }
    #expect(oneFlip > 50)
    #expect(noticed >= oneFlip * 95 / 100)
  }

  @Test("Boxes lie in their views, and at the smaller zoom no side is under the minimum")
  func insideAndLargeEnough() {
    for sample in 0..<400 {
      let g = views(sample)
      for (one, two) in boxes(g, sample) {
        for box in [one, two] {
          #expect(box.x0 >= 0 && box.y0 >= 0 && box.x1 <= 224 && box.y1 <= 224)
          // The canvas is rounded to whole pixels, so clipping may take half a canvas pixel.
          // At a view's zoom (never under the canvas's) that leaves at least 31.5.
          #expect(box.x1 - box.x0 >= 31.49 && box.y1 - box.y0 >= 31.49)
        }
      }
    }
  }

  @Test("Given enough attempts, no two boxes of an image overlap by the threshold")
  func overlapRule() {
    let options = BoxOptions(perImage: 3, iouThreshold: 0.5, attempts: 2000)
    for sample in 0..<150 {
      let pairs = boxes(views(sample), sample, options)
      for (index, pair) in pairs.enumerated() {
        for other in pairs[..<index] {
          // The rule compares a candidate before clipping; half a pixel of 32 moves IoU < 0.05.
          #expect(overlap(pair.0, other.0) < 0.55)
        }
      }
    }
  }

  @Test("The first draw is always accepted, and a hopeless threshold still gives every box")
  func firstAndLast() {
    let g = views(0)
    let free = boxes(g, 0, BoxOptions(iouThreshold: 1))
    let hopeless = boxes(g, 0, BoxOptions(iouThreshold: 0, attempts: 3))
    #expect(free.count == 10 && hopeless.count == 10)
    #expect(free[0] == hopeless[0])
  }

  @Test("Views that share nothing, or no more than the minimum, give no boxes")
  func skipped() {
    func view(_ x: Int, _ width: Int) -> ViewGeometry {
      ViewGeometry(crop: Crop(y: 0, x: x, height: 224, width: width), flipped: false)
    }
    #expect(boxes((view(0, 224), view(224, 224)), 0).isEmpty)
    #expect(boxes((view(0, 224), view(300, 224)), 0).isEmpty)
    #expect(boxes((view(0, 224), view(192, 224)), 0).isEmpty)  // W = 32
    #expect(boxes((view(0, 224), view(191, 224)), 0).count == 10)  // W = 33
    #expect(boxes((view(0, 224), view(0, 0)), 0).isEmpty)
    #expect(boxes((view(0, 224), view(0, 224)), 0, BoxOptions(perImage: 0)).isEmpty)
  }

  @Test("Every box of the grid stays in one cell; single cells span up to the whole canvas")
  func spread() {
    let whole = ViewGeometry(crop: Crop(y: 0, x: 0, height: 224, width: 224), flipped: false)
    var widths: [Float] = []
    for sample in 0..<300 {
      widths += boxes((whole, whole), sample, BoxOptions(iouThreshold: 1)).map { $0.0.x1 - $0.0.x0 }
    }
    #expect(widths.min() == 32)
    #expect((widths.max() ?? 0) > 215)
    // (32 + ⌊224/c⌋)/2 averaged over c = 1...7 columns; 3000 draws of deviation < 50: 5σ < 5.
    let mean = widths.reduce(0, +) / Float(widths.count)
    #expect(abs(mean - 401.5 / 7) < 5)
  }

  @Test("Jitter moves the second view's box only, by at most its ratio")
  func jitter() {
    for sample in 0..<100 {
      let g = views(sample)
      let still = boxes(g, sample, BoxOptions(perImage: 1))
      let moved = boxes(g, sample, BoxOptions(perImage: 1, jitter: 0.1))
      guard let a = still.first, let b = moved.first else { continue }
      #expect(a.0 == b.0)
      // Half a canvas pixel may have been clipped from the still box: 1 covers it.
      let width = a.1.x1 - a.1.x0
      #expect(abs(b.1.x0 - a.1.x0) <= 0.1 * width + 1)
      #expect(abs(b.1.x1 - a.1.x1) <= 0.2 * width + 1)
    }
  }

  private func overlap(_ a: PixelBox, _ b: PixelBox) -> Float {
    let width = max(0, min(a.x1, b.x1) - max(a.x0, b.x0))
    let height = max(0, min(a.y1, b.y1) - max(a.y0, b.y0))
    let both = width * height
    let areas = (a.x1 - a.x0) * (a.y1 - a.y0) + (b.x1 - b.x0) * (b.y1 - b.y0)
    return both / (areas - both)
  }
}
