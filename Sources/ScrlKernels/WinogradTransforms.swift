// The linear maps of Winograd's F(4×4, 3×3) (Lavin & Gray 2016), eight channels at a time.
// A tile of 4×4 outputs needs 6×6 inputs; in the transformed space their convolution with a 3×3
// filter is 36 products instead of 144. Each map acts along one axis, then along the other.
// The six points are 0, ±a, ±b and ∞ with a = 5/8, b = 3/2: they amplify rounding less than the
// usual ±1 and ±2. Not here: the products of transformed values, and where tiles lie.

import ScrlBase

typealias Eight = SIMD8<Float>

enum Winograd {
  static let tile = 4  // outputs of a tile along an axis
  static let reach = 6  // inputs of a tile, and points, along an axis
  static let points = 36
  static let lanes = 8  // channels at a time

  static let edge = 2 * points * lanes  // floats of scratch that a tile's way in or out takes

  /// What fits the cores' shared cache beside the activations that come and go: 5 MiB.
  static let sharedFloats = 5 << 18

  /// Of `count` tiles cut into as few pieces of about one size as can be: a piece, a multiple of
  /// `unit`, for whose sake alone it may be more than `most`.
  static func piece(of count: Int, most: Int, unit: Int = 1) -> Int {
    let pieces = max(1, (count + most - 1) / most)
    return max(1, ((count + pieces - 1) / pieces + unit - 1) / unit) * unit
  }

  typealias Cells = UnsafeMutablePointer<Float>  // eight floats each

  /// Floats from one point's plane to the next. The 36 are written side by side: a line more, so
  /// that they never fall into one set of the cache, as multiples of 4 KiB would.
  static func plane(_ count: Int) -> Int { count &+ 16 }
}

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

extension Winograd {
  /// Bᵀ: six inputs → six points. The rows are ∏ (x − q) over the other finite points q.
  @inline(__always)
  static func input(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Cells, _ stride: Int
  ) {
    let (d0, d1, d2) = (eightLanes(x, 0), eightLanes(x, step), eightLanes(x, 2 &* step))
    let (d3, d4) = (eightLanes(x, 3 &* step), eightLanes(x, 4 &* step))
    let d5 = eightLanes(x, 5 &* step)
    let evenA = d4.addingProduct(d2, -b2)
    let oddA = (d3 * a).addingProduct(d1, -ab2)
    let evenB = d4.addingProduct(d2, -a2)
    let oddB = (d3 * b).addingProduct(d1, -ba2)
    store(d4.addingProduct(d2, -a2plusb2).addingProduct(d0, a2b2), y, 0)
    store(evenA + oddA, y, stride)
    store(evenA - oddA, y, 2 &* stride)
    store(evenB + oddB, y, 3 &* stride)
    store(evenB - oddB, y, 4 &* stride)
    store(d5.addingProduct(d3, -a2plusb2).addingProduct(d1, a2b2), y, 5 &* stride)
  }

  /// Aᵀ: six points → four outputs.
  @inline(__always)
  static func output(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Cells, _ stride: Int
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
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Cells, _ stride: Int
  ) {
    let (g0, g1, g2) = (eightLanes(x, 0), eightLanes(x, step), eightLanes(x, 2 &* step))
    let (evenA, oddA) = (g0.addingProduct(g2, a2) * perA, g1 * (a * perA))
    let (evenB, oddB) = (g0.addingProduct(g2, b2) * perB, g1 * (b * perB))
    store(g0 * perZero, y, 0)
    store(evenA + oddA, y, stride)
    store(evenA - oddA, y, 2 &* stride)
    store(evenB + oddB, y, 3 &* stride)
    store(evenB - oddB, y, 4 &* stride)
    store(g2, y, 5 &* stride)
  }

  /// A, the transpose of `output`: the gradients of four outputs → six points.
  @inline(__always)
  static func outputGradient(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Cells, _ stride: Int
  ) {
    let (d0, d1) = (eightLanes(x, 0), eightLanes(x, step))
    let (d2, d3) = (eightLanes(x, 2 &* step), eightLanes(x, 3 &* step))
    let (evenA, oddA) = (d0.addingProduct(d2, a2), (d1 * a).addingProduct(d3, a3))
    let (evenB, oddB) = (d0.addingProduct(d2, b2), (d1 * b).addingProduct(d3, b3))
    store(d0, y, 0)
    store(evenA + oddA, y, stride)
    store(evenA - oddA, y, 2 &* stride)
    store(evenB + oddB, y, 3 &* stride)
    store(evenB - oddB, y, 4 &* stride)
    store(d3, y, 5 &* stride)
  }

  /// Gᵀ, the transpose of `filter`: the gradients of six points → three taps.
  @inline(__always)
  static func filterGradient(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Cells, _ stride: Int
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

extension SIMD8<Float> {
  @inline(__always)
  fileprivate func addingProduct(_ x: Self, _ factor: Float) -> Self {
    addingProduct(x, Self(repeating: factor))
  }
}
