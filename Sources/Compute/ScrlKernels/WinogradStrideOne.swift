// Winograd's F(4×4, 3×3) (Lavin & Gray 2016): stride 1, and the gradient of its input, which is such
// a convolution too. A tile of 4×4 outputs needs 6×6 inputs, and 36 products instead of 144.
// The six points are 0, ±a, ±b and ∞ with a = 5/8, b = 3/2: they amplify rounding less than the
// usual ±1 and ±2.

private let a: Float = 0.625
private let a2: Float = 0.390625
private let a3: Float = 0.244140625
private let b: Float = 1.5
private let b2: Float = 2.25
private let b3: Float = 3.375
private let ab2: Float = 1.40625  // a·b²
private let ba2: Float = 0.5859375  // b·a²
private let a2plusb2: Float = 2.640625
private let a2b2: Float = 0.87890625
// Products of differences of a point with the other finite ones: G divides by them.
private let perZero: Float = 1 / a2b2
private let perA: Float = 1 / (2 * a2 * (a2 - b2))
private let perB: Float = 1 / (2 * b2 * (b2 - a2))

enum WinogradStrideOne: WinogradGradientMaps {
  static func sharing(_ factor: Int) -> Range<Int> { factor..<factor + 1 }
  static var reach: Int { 6 }
  static var window: Int { 6 }
  static var before: Int { 1 }
  static var source: Int { 4 }
  static var target: Int { 4 }

  /// Bᵀ: six inputs → six points. The rows are ∏ (x − q) over the other finite points q.
  @inline(__always)
  static func input(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int
  ) {
    let (d0, d1, d2) = (eightLanes(x, 0), eightLanes(x, step), eightLanes(x, 2 &* step))
    let (d3, d4) = (eightLanes(x, 3 &* step), eightLanes(x, 4 &* step))
    let d5 = eightLanes(x, 5 &* step)
    let evenA = d4.addingProduct(d2, -b2)
    let oddA = (d3 * a).addingProduct(d1, -ab2)
    let evenB = d4.addingProduct(d2, -a2)
    let oddB = (d3 * b).addingProduct(d1, -ba2)
    store(d4.addingProduct(d2, -a2plusb2).addingProduct(d0, a2b2), y, 0)
    Winograd.storePairs((evenA, oddA), (evenB, oddB), y + stride, stride)
    store(d5.addingProduct(d3, -a2plusb2).addingProduct(d1, a2b2), y, 5 &* stride)
  }

  /// Aᵀ: six points → four outputs.
  @inline(__always)
  static func output(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int
  ) {
    let (m1, m2) = (eightLanes(x, step), eightLanes(x, 2 &* step))
    let (m3, m4) = (eightLanes(x, 3 &* step), eightLanes(x, 4 &* step))
    let (sumA, differenceA, sumB, differenceB) = (m1 + m2, m1 - m2, m3 + m4, m3 - m4)
    store(eightLanes(x, 0) + sumA + sumB, y, 0)
    store((differenceA * a).addingProduct(differenceB, b), y, stride)
    store((sumA * a2).addingProduct(sumB, b2), y, 2 &* stride)
    store(
      eightLanes(x, 5 &* step).addingProduct(differenceA, a3).addingProduct(differenceB, b3), y,
      3 &* stride)
  }

  /// G: three taps → six points.
  @inline(__always)
  static func filter(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int
  ) {
    let (g0, g1, g2) = (eightLanes(x, 0), eightLanes(x, step), eightLanes(x, 2 &* step))
    let (evenA, oddA) = (g0.addingProduct(g2, a2) * perA, g1 * (a * perA))
    let (evenB, oddB) = (g0.addingProduct(g2, b2) * perB, g1 * (b * perB))
    store(g0 * perZero, y, 0)
    Winograd.storePairs((evenA, oddA), (evenB, oddB), y + stride, stride)
    store(g2, y, 5 &* stride)
  }

  /// A, the transpose of `output`: the gradients of four outputs → six points.
  @inline(__always)
  static func outputGradient(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int
  ) {
    let (d0, d1) = (eightLanes(x, 0), eightLanes(x, step))
    let (d2, d3) = (eightLanes(x, 2 &* step), eightLanes(x, 3 &* step))
    let (evenA, oddA) = (d0.addingProduct(d2, a2), (d1 * a).addingProduct(d3, a3))
    let (evenB, oddB) = (d0.addingProduct(d2, b2), (d1 * b).addingProduct(d3, b3))
    store(d0, y, 0)
    Winograd.storePairs((evenA, oddA), (evenB, oddB), y + stride, stride)
    store(d3, y, 5 &* stride)
  }

  /// Gᵀ, the transpose of `filter`: the gradients of six points → three taps.
  @inline(__always)
  static func filterGradient(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int
  ) {
    let (u1, u2) = (eightLanes(x, step), eightLanes(x, 2 &* step))
    let (u3, u4) = (eightLanes(x, 3 &* step), eightLanes(x, 4 &* step))
    let (sumA, differenceA) = ((u1 + u2) * perA, (u1 - u2) * (a * perA))
    let (sumB, differenceB) = ((u3 + u4) * perB, (u3 - u4) * (b * perB))
    store((sumA + sumB).addingProduct(eightLanes(x, 0), perZero), y, 0)
    store(differenceA + differenceB, y, stride)
    store(
      eightLanes(x, 5 &* step).addingProduct(sumA, a2).addingProduct(sumB, b2), y, 2 &* stride)
  }
}
