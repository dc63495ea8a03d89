// One pass of Winograd's convolution over all tiles, some at a time: inputs to points, a product
// (tiles × I)·(I × O) for each, points to outputs. What is read again and again must
// stay in a cache, many times as fast as memory.
// Letters: as in WinogradConvolution.

import ScrlBase
import ScrlTensor

/// Points lie as (P², tiles/6, I/8, 6, 8), a slice of the weight for 16 outputs as (36, I, 16),
/// their products as (P², tiles, 16).
struct WinogradPass<Maps: WinogradMaps> {
  let filter: WinogradFilter<Maps>
  let sources, targets: WinogradTiles
  let finish: WinogradFinish
  let workers: Workers
  private var pairs: Int { filter.outputs / 16 }
  private var slice: Int { Winograd.filterPoints * filter.slicePlane }
  private var edge: Int { max(Maps.edge, filter.scratch) }

  /// Few channels: a thread takes some tiles all the way, and their points stay in its own cache.
  func byTiles(
    _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>,
    into y: UnsafeMutablePointer<Float>
  ) throws(ScrlError) {
    let factors = try Tensor(uninitialized: [pairs, slice])
    let share = (targets.count + workers.count - 1) / workers.count
    let some = SomeTiles(
      of: share, most: max(12, 73_728 / (Maps.points * filter.inputs)), filter)
    let slots = try ScratchSlots(workers, size: max(some.points + some.products, slice) + edge)
    let slices = factors.pointer
    workers.run(pairs) { pair in
      slots.borrow { filter.transform(weight, pair: pair, into: slices + pair * slice, $0) }
    }
    workers.ranges(targets.count, grain: some.most) { tiles in
      slots.borrow { points in
        let products = points + some.points
        let edge = products + some.products
        for group in 0..<sources.groups {
          sources.gather(
            x, tiles, group: group, Maps.inputReads, into: points, some.place(group), edge,
            by: Maps.input)
        }
        for pair in 0..<pairs {
          some.multiply(
            points, slices + pair &* slice, tiles.count, into: products, some.productPlane)
          scatter(products, tiles, pair, some.productPlane, into: y, edge)
        }
      }
    }
    withExtendedLifetime(factors) {}
  }

  /// Many channels: all threads share the points of some tiles, and each transforms the slices of
  /// the weight that it multiplies them with: transformed as a whole, the weight would outgrow the
  /// cache.
  func bySlices(
    _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>,
    into y: UnsafeMutablePointer<Float>
  ) throws(ScrlError) {
    let fitting = max(48, Winograd.sharedFloats / (Maps.points * filter.inputs))
    let all = SomeTiles(of: targets.count, most: fitting, filter)
    let some = SomeTiles(of: all.most, most: 96, filter)
    let memory = try Tensor(uninitialized: [all.points])
    let slots = try ScratchSlots(workers, size: slice + some.products + edge)
    let points = memory.pointer
    for first in stride(from: 0, to: targets.count, by: all.most) {
      let tiles = first..<min(first + all.most, targets.count)
      workers.run(sources.groups) { group in
        slots.borrow { edge in
          sources.gather(
            x, tiles, group: group, Maps.inputReads, into: points, all.place(group), edge,
            by: Maps.input)
        }
      }
      workers.run(pairs) { pair in
        slots.borrow { factors in
          let products = factors + slice
          let edge = products + some.products
          filter.transform(weight, pair: pair, into: factors, edge)
          for start in stride(from: tiles.lowerBound, to: tiles.upperBound, by: some.most) {
            let part = start..<min(start + some.most, tiles.upperBound)
            all.multiply(
              points + (start - first) * filter.inputs, factors, part.count, into: products,
              some.productPlane)
            scatter(products, part, pair, some.productPlane, into: y, edge)
          }
        }
      }
    }
    withExtendedLifetime(memory) {}
  }

  @inline(__always)
  private func scatter(
    _ products: UnsafePointer<Float>, _ tiles: Range<Int>, _ pair: Int, _ plane: Int,
    into y: UnsafeMutablePointer<Float>, _ edge: Winograd.Cells
  ) {
    for half in 0..<2 {
      targets.scatterOutputs(
        Maps.self, products + half &* 8, tiles, group: 2 &* pair &+ half, step: 16, stride: plane,
        finish, into: y, edge)
    }
  }
}

/// Tiles that are in work at a time.
private struct SomeTiles<Maps: WinogradMaps> {
  let most: Int  // a multiple of six
  private let inputs: Int
  private let slicePlane, pointPlane: Int  // floats of a point
  let productPlane: Int
  var points: Int { Maps.points * pointPlane }
  var products: Int { Maps.points * productPlane }

  init(of tiles: Int, most: Int, _ filter: WinogradFilter<Maps>) {
    self.most = Winograd.piece(of: tiles, most: most, unit: 6)
    (inputs, slicePlane) = (filter.inputs, filter.slicePlane)
    pointPlane = Winograd.plane(self.most * inputs)
    productPlane = Winograd.plane(self.most * 16)
  }

  /// Where eight channels of their points go.
  func place(_ group: Int) -> WinogradTiles.Place {
    WinogradTiles.Place(first: group * 48, six: inputs * 6, step: 8, plane: pointPlane)
  }

  /// For every point: products = points · slice.
  @inline(__always)
  func multiply(
    _ points: UnsafePointer<Float>, _ slice: UnsafePointer<Float>, _ tiles: Int,
    into products: UnsafeMutablePointer<Float>, _ plane: Int
  ) {
    for factor in 0..<Winograd.filterPoints {
      let panel = slice + factor &* slicePlane
      let (down, across) = factor.quotientAndRemainder(dividingBy: Winograd.filterReach)
      for row in Maps.sharing(down) {
        for column in Maps.sharing(across) {
          let point = row &* Maps.reach &+ column
          let rows = points + point &* pointPlane
          let sums = products + point &* plane
          for first in stride(from: 0, to: tiles, by: 6) {
            sixRows(
              rows + first &* inputs, step: 48, panel, depth: inputs, into: sums + first &* 16)
          }
        }
      }
    }
  }
}
