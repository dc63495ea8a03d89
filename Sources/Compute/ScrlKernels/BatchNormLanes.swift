// Batch normalisation's loops over a panel of b channels, b a divisor of 16, sixteen floats at a
// time with everything per channel in registers. The arithmetic of every element is that of the
// loops over rows (BatchNormRows, BatchNormSums): the masks of both agree.
// Sums are two times sixteen float64 lanes, kept in `sums`.

import ScrlTensor

/// sum += x, square += x².
func addMoments(_ x: UnsafePointer<Float>, _ count: Int, _ sums: UnsafeMutablePointer<Double>) {
  var (sum, square) = (wideLanes(sums, 0), wideLanes(sums, laneCount))
  var i = 0
  while i &+ laneCount <= count {
    let value = widened(lanes(x, i))
    sum += value
    square.addProduct(value, value)
    i &+= laneCount
  }
  store(sum, sums, 0)
  store(square, sums, laneCount)
  for lane in 0..<count &- i {
    let value = Double(x[i &+ lane])
    sums[lane] += value
    sums[laneCount &+ lane].addProduct(value, value)
  }
}

/// The numbers of one block's channels, one a lane.
struct NormLanes {
  private let mean, factor, shift: Lanes  // factor = scale·inv
  private let slope, steep: Lanes  // of the gradient's two sums

  /// Of no normalisation.
  static let none = NormLanes()

  private init() {
    (mean, factor, shift, slope, steep) = (Lanes(), Lanes(), Lanes(), Lanes(), Lanes())
  }

  init(
    _ channels: NormChannels, _ block: Int, slopes: UnsafePointer<Float>? = nil
  ) {
    let first = block * channels.width
    mean = repeated(channels.mean + first, channels.width)
    factor = repeated(channels.factor.pointer + first, channels.width)
    shift = repeated(channels.shift + first, channels.width)
    if let slopes {
      slope = repeated(slopes + first * 2, channels.width)
      steep = repeated(slopes + first * 2 + channels.width, channels.width)
    } else {
      (slope, steep) = (Lanes(), Lanes())
    }
  }

  /// The normalised sixteen.
  @inline(__always)
  func value(_ x: Lanes) -> Lanes { shift.addingProduct(x - mean, factor) }

  /// The same of one lane.
  @inline(__always)
  func value(_ x: Float, _ lane: Int) -> Float {
    shift[lane].addingProduct(x - mean[lane], factor[lane])
  }

  func normalize(
    _ x: UnsafePointer<Float>, _ count: Int, _ relu: Bool, into y: UnsafeMutablePointer<Float>
  ) {
    if relu { normalizeLoop(x, count, true, y) } else { normalizeLoop(x, count, false, y) }
  }

  /// sum += g, product += g·(x − mean), products in float32, where g is dy under the mask.
  func addGradients(
    _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ count: Int, _ relu: Bool,
    _ sums: UnsafeMutablePointer<Double>
  ) {
    if relu { sumLoop(dy, x, count, true, sums) } else { sumLoop(dy, x, count, false, sums) }
  }

  /// dx = scale·inv·g − slope − steep·(x − mean).
  func gradients(
    _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ count: Int, _ relu: Bool,
    into dx: UnsafeMutablePointer<Float>
  ) {
    if relu { gradientLoop(dy, x, count, true, dx) } else { gradientLoop(dy, x, count, false, dx) }
  }

  @inline(__always)
  private func normalizeLoop(
    _ x: UnsafePointer<Float>, _ count: Int, _ relu: Bool, _ y: UnsafeMutablePointer<Float>
  ) {
    var i = 0
    while i &+ laneCount <= count {
      var value = value(lanes(x, i))
      if relu { value.replace(with: 0, where: value .< 0) }
      store(value, y, i)
      i &+= laneCount
    }
    for lane in 0..<count &- i {
      let value = value(x[i &+ lane], lane)
      y[i &+ lane] = relu && value < 0 ? 0 : value
    }
  }

  @inline(__always)
  private func sumLoop(
    _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ count: Int, _ relu: Bool,
    _ sums: UnsafeMutablePointer<Double>
  ) {
    var (sum, product) = (wideLanes(sums, 0), wideLanes(sums, laneCount))
    var i = 0
    while i &+ laneCount <= count {
      let centred = lanes(x, i) - mean
      var g = lanes(dy, i)
      if relu { g.replace(with: 0, where: .!(shift.addingProduct(centred, factor) .> 0)) }
      sum += widened(g)
      product += widened(g * centred)
      i &+= laneCount
    }
    store(sum, sums, 0)
    store(product, sums, laneCount)
    for lane in 0..<count &- i {
      let centred = x[i &+ lane] - mean[lane]
      let masked = relu && !(shift[lane].addingProduct(centred, factor[lane]) > 0)
      let g = masked ? 0 : dy[i &+ lane]
      sums[lane] += Double(g)
      sums[laneCount &+ lane] += Double(g * centred)
    }
  }

  @inline(__always)
  private func gradientLoop(
    _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ count: Int, _ relu: Bool,
    _ dx: UnsafeMutablePointer<Float>
  ) {
    var i = 0
    while i &+ laneCount <= count {
      let centred = lanes(x, i) - mean
      var g = lanes(dy, i)
      if relu { g.replace(with: 0, where: .!(shift.addingProduct(centred, factor) .> 0)) }
      store(factor * g - slope - steep * centred, dx, i)
      i &+= laneCount
    }
    for lane in 0..<count &- i {
      let centred = x[i &+ lane] - mean[lane]
      let masked = relu && !(shift[lane].addingProduct(centred, factor[lane]) > 0)
      let g = masked ? 0 : dy[i &+ lane]
      dx[i &+ lane] = factor[lane] * g - slope[lane] - steep[lane] * centred
    }
  }
}

/// Lane l holds p[l mod count].
func repeated(_ p: UnsafePointer<Float>, _ count: Int) -> Lanes {
  if count == laneCount { return lanes(p, 0) }
  var result = Lanes()
  for lane in 0..<laneCount { result[lane] = p[lane % count] }
  return result
}
