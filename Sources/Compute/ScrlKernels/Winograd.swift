// What Winograd's algorithms have in common: linear maps along one axis, then along the other, eight
// channels at a time. In the space of the points that they lead to, a convolution is one product
// for each point.
// Not here: the maps themselves, the products, and where tiles lie.

import ScrlBase

typealias Eight = SIMD8<Float>

/// The maps of one algorithm along an axis. A tile's cells go to `reach` points, a weight's three
/// taps to six; products of the two come back as a tile's results.
/// In each: cells x lie `step` floats apart, results y `stride`.
protocol WinogradMaps {
  /// A tile's points that are multiplied with one of the weight's six.
  static func sharing(_ factor: Int) -> Range<Int>
  static var reach: Int { get }  // points of a tile
  static var window: Int { get }  // cells that a tile reads of its source
  static var before: Int { get }  // those of them before the tile's own
  static var source: Int { get }  // cells of the source from one tile to the next
  static var target: Int { get }  // results of a tile

  static func input(_ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int)
  static func output(_ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int)
  static func filter(_ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int)
}

/// And the transposes of two, for the gradient of the weight.
protocol WinogradGradientMaps: WinogradMaps {
  /// Of `output`: gradients of a tile's results → points.
  static func outputGradient(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int)
  /// Of `filter`: gradients of the weight's six points → three taps.
  static func filterGradient(
    _ x: UnsafePointer<Float>, _ step: Int, _ y: Winograd.Cells, _ stride: Int)
}

enum Winograd {
  static let filterReach = 6  // points of a weight along an axis
  static let filterPoints = 36
  static let lanes = 8  // channels at a time
  static let strip = 4  // tiles of a row that go in together

  typealias Cells = UnsafeMutablePointer<Float>  // eight floats each

  /// What fits the cores' shared cache beside the activations that come and go: 5 MiB.
  static let sharedFloats = 5 << 18

  /// Of `count` tiles cut into as few pieces of about one size as can be: a piece, a multiple of
  /// `unit`, for whose sake alone it may be more than `most`.
  static func piece(of count: Int, most: Int, unit: Int = 1) -> Int {
    let pieces = max(1, (count + most - 1) / most)
    return max(1, ((count + pieces - 1) / pieces + unit - 1) / unit) * unit
  }

  /// What two points ±a and ±b have, each pair by its even and its odd part: sum and difference.
  @inline(__always)
  static func storePairs(
    _ a: (even: Eight, odd: Eight), _ b: (even: Eight, odd: Eight), _ y: Cells, _ stride: Int
  ) {
    store(a.even + a.odd, y, 0)
    store(a.even - a.odd, y, stride)
    store(b.even + b.odd, y, 2 &* stride)
    store(b.even - b.odd, y, 3 &* stride)
  }

  /// Floats from one point's plane to the next. Points are written side by side: a line more, so
  /// that they never fall into one set of the cache, as multiples of 4 KiB would.
  static func plane(_ count: Int) -> Int { count &+ 16 }
}

extension WinogradMaps {
  static var points: Int { reach * reach }  // of a tile

  /// Floats of scratch that the way of a strip of tiles in, or of one out, takes: its cells, and
  /// these halfway.
  static var edge: Int { 2 * max(reach, window) * stripWidth * Winograd.lanes }

  private static var stripWidth: Int {
    (Winograd.strip - 1) * max(source, target) + max(window, target)
  }

  static var inputReads: WinogradReads {
    WinogradReads(before: before, window: window, points: reach)
  }
}

extension WinogradGradientMaps {
  static var gradientReads: WinogradReads {
    WinogradReads(before: 0, window: target, points: reach)
  }
}

/// Cells x, floats from one to the next → results y, floats from one to the next.
typealias WinogradMap = (UnsafePointer<Float>, Int, Winograd.Cells, Int) -> Void

/// What a tile reads along an axis to make its points.
struct WinogradReads {
  let before: Int  // cells before the tile's own
  let window: Int  // cells
  let points: Int
}

/// One row of a map: a point as the weighted sum of at most 16 cells.
struct WinogradRow {
  private var weights = SIMD16<Float>()

  init(_ point: Int, of map: WinogradMap, _ reads: WinogradReads) {
    let lanes = Winograd.lanes
    var results = [Float](repeating: 0, count: reads.points * lanes)
    for cell in 0..<reads.window {
      var unit = [Float](repeating: 0, count: reads.window * lanes)
      for lane in 0..<lanes { unit[cell * lanes + lane] = 1 }
      map(unit, lanes, &results, lanes)
      weights[cell] = results[point * lanes]
    }
  }

  /// - Parameter step: floats from one cell to the next.
  @inline(__always)
  func callAsFunction(_ x: UnsafePointer<Float>, _ step: Int, cells: Int) -> Eight {
    var sum = Eight()
    for cell in 0..<cells {
      sum = sum.addingProduct(eightLanes(x, cell &* step), weights[cell])
    }
    return sum
  }
}

extension SIMD8<Float> {
  @inline(__always)
  func addingProduct(_ x: Self, _ factor: Float) -> Self {
    addingProduct(x, Self(repeating: factor))
  }
}
