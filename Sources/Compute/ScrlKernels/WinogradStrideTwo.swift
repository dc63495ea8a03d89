// Winograd's algorithm for stride 2. Along an axis y[i] = w₁·x[2i] + (w₀·x[2i−1] + w₂·x[2i+1]): the
// even cells are multiplied as they are, the odd ones are a convolution of two taps with stride 1,
// F(4, 2) (Lavin & Gray 2016; the split as in Yepez & Ko 2020). A tile of 4×4 outputs needs 9×9
// inputs, and 81 products instead of 144.
// The five points of F(4, 2) are ±a, ±b and ∞ with a = 3/8, b = 5/4, which amplify rounding least.

private let a: Float = 0.375
private let a2: Float = 0.140625
private let a3: Float = 0.052734375
private let b: Float = 1.25
private let b2: Float = 1.5625
private let b3: Float = 1.953125
private let ab2: Float = 0.5859375  // a·b²
private let ba2: Float = 0.17578125  // b·a²
private let a2plusb2: Float = 1.703125
private let a2b2: Float = 0.2197265625
// Products of differences of a point with the other finite ones, without a factor that is its own:
// G divides by them.
private let perA: Float = 1 / (2 * (a2 - b2))
private let perB: Float = 1 / (2 * (b2 - a2))

/// What the convolution and the gradient of its input have in common.
protocol WinogradStrided: WinogradMaps {}

extension WinogradStrided {
  static var reach: Int { 9 }

  /// Four even cells meet the middle tap, five points of the odd ones those of the outer taps.
  static func sharing(_ factor: Int) -> Range<Int> {
    factor == 0 ? 0..<4 : factor + 3..<factor + 4
  }

  /// G: three taps → the middle one, then five points of the outer two.
  @inline(__always)
  static func filter(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int
  ) {
    let (g0, g1, g2) = (eightLanes(x, 0), eightLanes(x, step), eightLanes(x, 2 &* step))
    let (oneA, otherA) = (g2 * perA, g0 * (perA / a))
    let (oneB, otherB) = (g2 * perB, g0 * (perB / b))
    store(g1, y, 0)
    Winograd.storePairs((oneA, otherA), (oneB, otherB), y + stride, stride)
    store(g2, y, 5 &* stride)
  }
}

/// The convolution, and the gradient of its weight.
enum WinogradStrideTwo: WinogradStrided, WinogradGradientMaps {
  static var window: Int { 9 }
  static var before: Int { 1 }
  static var source: Int { 8 }
  static var target: Int { 4 }

  @inline(__always)
  static func input(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int
  ) {
    for even in 0..<4 { store(eightLanes(x, (2 &* even &+ 1) &* step), y, even &* stride) }
    oddInput(x, 2 &* step, y + 4 &* stride, stride)
  }

  @inline(__always)
  static func output(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int
  ) {
    let odd = oddOutput(x + 4 &* step, step)
    store(eightLanes(x, 0) + odd.0, y, 0)
    store(eightLanes(x, step) + odd.1, y, stride)
    store(eightLanes(x, 2 &* step) + odd.2, y, 2 &* stride)
    store(eightLanes(x, 3 &* step) + odd.3, y, 3 &* stride)
  }

  @inline(__always)
  static func outputGradient(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int
  ) {
    let (d0, d1) = (eightLanes(x, 0), eightLanes(x, step))
    let (d2, d3) = (eightLanes(x, 2 &* step), eightLanes(x, 3 &* step))
    let (evenA, oddA) = (d0.addingProduct(d2, a2), (d1 * a).addingProduct(d3, a3))
    let (evenB, oddB) = (d0.addingProduct(d2, b2), (d1 * b).addingProduct(d3, b3))
    store(d0, y, 0)
    store(d1, y, stride)
    store(d2, y, 2 &* stride)
    store(d3, y, 3 &* stride)
    Winograd.storePairs((evenA, oddA), (evenB, oddB), y + 4 &* stride, stride)
    store(d3, y, 8 &* stride)
  }

  @inline(__always)
  static func filterGradient(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int
  ) {
    let (u1, u2) = (eightLanes(x, step), eightLanes(x, 2 &* step))
    let (u3, u4) = (eightLanes(x, 3 &* step), eightLanes(x, 4 &* step))
    let (middle, last) = (eightLanes(x, 0), eightLanes(x, 5 &* step))
    store(((u1 - u2) * (perA / a)).addingProduct(u3 - u4, perB / b), y, 0)
    store(middle, y, stride)
    store(last.addingProduct(u1 + u2, perA).addingProduct(u3 + u4, perB), y, 2 &* stride)
  }
}

/// The gradient of the input, from that of the output and the weight turned by half a turn:
/// dx[2i] = w₁·dy[i], dx[2i+1] = w₀·dy[i] + w₂·dy[i+1].
enum WinogradStrideTwoGradient: WinogradStrided {
  static var window: Int { 5 }
  static var before: Int { 0 }
  static var source: Int { 4 }
  static var target: Int { 8 }

  @inline(__always)
  static func input(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int
  ) {
    for even in 0..<4 { store(eightLanes(x, even &* step), y, even &* stride) }
    oddInput(x, step, y + 4 &* stride, stride)
  }

  @inline(__always)
  static func output(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int
  ) {
    let odd = oddOutput(x + 4 &* step, step)
    for even in 0..<4 { store(eightLanes(x, even &* step), y, 2 &* even &* stride) }
    store(odd.0, y, stride)
    store(odd.1, y, 3 &* stride)
    store(odd.2, y, 5 &* stride)
    store(odd.3, y, 7 &* stride)
  }
}

/// Bᵀ of F(4, 2): five cells → five points. The rows are ∏ (x − q) over the other finite points q.
@inline(__always)
private func oddInput(
  _ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int
) {
  let (d0, d1, d2) = (eightLanes(x, 0), eightLanes(x, step), eightLanes(x, 2 &* step))
  let (d3, d4) = (eightLanes(x, 3 &* step), eightLanes(x, 4 &* step))
  let (evenA, oddA) = ((d2 * a).addingProduct(d0, -ab2), d3.addingProduct(d1, -b2))
  let (evenB, oddB) = ((d2 * b).addingProduct(d0, -ba2), d3.addingProduct(d1, -a2))
  Winograd.storePairs((oddA, evenA), (oddB, evenB), y, stride)
  store(d4.addingProduct(d2, -a2plusb2).addingProduct(d0, a2b2), y, 4 &* stride)
}

/// Aᵀ of F(4, 2): five points → four results.
@inline(__always)
private func oddOutput(
  _ x: UnsafePointer<Float>, _ step: Int
) -> (Eight, Eight, Eight, Eight) {
  let (m0, m1) = (eightLanes(x, 0), eightLanes(x, step))
  let (m2, m3) = (eightLanes(x, 2 &* step), eightLanes(x, 3 &* step))
  let (sumA, differenceA, sumB, differenceB) = (m0 + m1, m0 - m1, m2 + m3, m2 - m3)
  return (
    sumA + sumB, (differenceA * a).addingProduct(differenceB, b),
    (sumA * a2).addingProduct(sumB, b2),
    eightLanes(x, 4 &* step).addingProduct(differenceA, a3).addingProduct(differenceB, b3)
  )
}
