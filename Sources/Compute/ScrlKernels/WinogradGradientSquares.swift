// The gradient of the weight of Winograd's convolution with many channels: all points of some tiles
// lie in the shared cache, and a task has a square of inputs and outputs, whose sums are small.
// Letters: as in WinogradConvolution.

import ScrlBase
import ScrlTensor

struct WinogradGradientSquares<Maps: WinogradGradientMaps> {
  let sources, targets: WinogradTiles
  let taps: WinogradTaps
  private let most: Int  // tiles at once

  // A task has a square of inputs and outputs, so that what it reads of each is used often.
  private let side = 32
  private var squarePlane: Int { Winograd.plane(side * side) }
  private var inputSquares: Int { (taps.inputs + side - 1) / side }
  private var squares: Int { inputSquares * ((taps.outputs + side - 1) / side) }
  private var squareScratch: Int { Winograd.filterPoints * squarePlane + 18 * 8 }
  private var valuePlane: Int { Winograd.plane(most * taps.inputs) }  // floats of a point
  private var gradientPlane: Int { Winograd.plane(most * taps.outputs) }
  private var size: Int { Maps.points * (valuePlane + gradientPlane) }

  init(sources: WinogradTiles, targets: WinogradTiles, taps: WinogradTaps) {
    (self.sources, self.targets, self.taps) = (sources, targets, taps)
    // Both sides' points stay in the cores' shared cache, in pieces of about one size.
    let fitting = Winograd.sharedFloats / (Maps.points * (taps.inputs + taps.outputs))
    most = Winograd.piece(of: targets.count, most: max(96, min(384, fitting)))
  }

  func run(
    _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
    into dWeight: UnsafeMutablePointer<Float>, _ workers: Workers
  ) throws(ScrlError) {
    let points = try Tensor(uninitialized: [size])
    let slots = try ScratchSlots(workers, size: max(squareScratch, Maps.edge))
    let values = points.pointer
    let gradients = values + Maps.points * valuePlane
    for first in stride(from: 0, to: max(targets.count, 1), by: most) {
      let tiles = first..<min(first + most, targets.count)
      workers.run(sources.groups + targets.groups) { task in
        slots.borrow { edge in
          if task < sources.groups {
            let place = WinogradTiles.Place(
              first: task * most * 8, six: 48, step: 8, plane: valuePlane)
            sources.gather(
              x, tiles, group: task, Maps.inputReads, into: values, place, edge, by: Maps.input)
          } else {
            let group = task - sources.groups
            let place = WinogradTiles.Place(
              first: group / 2 * most * 16 + group % 2 * 8, six: 96, step: 16,
              plane: gradientPlane)
            targets.gather(
              dy, tiles, group: group, Maps.gradientReads, into: gradients, place, edge,
              by: Maps.outputGradient)
          }
        }
      }
      workers.run(squares) { square in
        slots.borrow {
          add(square, values, gradients, tiles.count, $0, into: dWeight, isFirst: first == 0)
        }
      }
    }
    withExtendedLifetime(points) {}
  }

  /// - Parameters:
  ///   - values: (P², I/8, tiles, 8), room for `most` tiles.
  ///   - gradients: (P², O/16, tiles, 16), likewise.
  ///   - scratch: `squareScratch` floats.
  private func add(
    _ square: Int, _ values: UnsafePointer<Float>, _ gradients: UnsafePointer<Float>,
    _ tiles: Int, _ scratch: UnsafeMutablePointer<Float>,
    into dWeight: UnsafeMutablePointer<Float>, isFirst: Bool
  ) {
    let (row, column) = square.quotientAndRemainder(dividingBy: inputSquares)
    let rows = column * side..<min((column + 1) * side, taps.inputs)
    let columns = row * side..<min((row + 1) * side, taps.outputs)
    let plane = squarePlane
    for factor in 0..<Winograd.filterPoints {
      let (down, across) = factor.quotientAndRemainder(dividingBy: Winograd.filterReach)
      for output in stride(from: columns.lowerBound, to: columns.upperBound, by: 16) {
        let panel = gradients + output &* most
        for input in stride(from: rows.lowerBound, to: rows.upperBound, by: 4) {
          let (group, half) = input.quotientAndRemainder(dividingBy: 8)
          let to =
            scratch + factor &* plane + (output &- columns.lowerBound) &* side
            + (input &- rows.lowerBound) &* 16
          for point in Maps.sharing(down) {
            let first = point &* Maps.reach
            fourColumns(
              values + first &* valuePlane + group &* 8 &* most + half, plane: valuePlane,
              panel + first &* gradientPlane, plane: gradientPlane,
              points: Maps.sharing(across), depth: tiles, into: to,
              adds: point > Maps.sharing(down).lowerBound)
          }
        }
      }
    }
    let middle = scratch + Winograd.filterPoints * plane
    for output in stride(from: columns.lowerBound, to: columns.upperBound, by: 8) {
      for input in rows {
        let from =
          scratch + (output &- columns.lowerBound) / 16 &* 16 &* side + output % 16
          + (input &- rows.lowerBound) &* 16
        finish(from, plane, middle, into: dWeight + taps.offset(input, output), isFirst)
      }
    }
  }

  /// 36 points of one input and eight outputs → nine taps.
  @inline(__always)
  private func finish(
    _ sums: UnsafePointer<Float>, _ plane: Int, _ middle: Winograd.Cells,
    into taps: UnsafeMutablePointer<Float>, _ isFirst: Bool
  ) {
    let step = self.taps.block &* self.taps.block
    for column in 0..<6 {
      Maps.filterGradient(sums + column &* plane, 6 &* plane, middle + column &* 8, 48)
    }
    for row in 0..<3 {
      let line = middle + row &* 48
      Maps.filterGradient(line, 8, line, 8)
      for tap in 0..<3 {
        let to = taps + (row &* 3 &+ tap) &* step
        let value = eightLanes(line, tap &* 8)
        store(isFirst ? value : eightLanes(to, 0) + value, to, 0)
      }
    }
  }
}
