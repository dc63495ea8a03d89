// The gradient of the weight of Winograd's convolution: the transpose of its three maps. Inputs
// and gradients of outputs go to 36 points, whose products are summed over tiles and come back as
// nine taps. Letters: as in WinogradConvolution.
// Sums are cut by the problem alone: the bytes do not depend on the number of threads.

import ScrlBase
import ScrlTensor

extension WinogradConvolution {
  /// dWeight = the correlation of dy (N,O,H,W) with x (N,I,H,W). What was there does not matter.
  /// - Parameter dWeight: in blocks of `block` (Layout.weightBlocks).
  package static func backwardWeight(
    _ dy: Tensor, x: Tensor, block: Int, into dWeight: Tensor, _ workers: Workers
  ) throws(ScrlError) {
    let (sources, targets) = (
      WinogradTiles(try x.activationShape("winograd")),
      WinogradTiles(try dy.activationShape("winograd"))
    )
    let gradient = WeightGradient(
      inputs: x.shape[1], outputs: dy.shape[1], block: block,
      most: tilesAtOnce(x.shape[1], dy.shape[1], targets.count))
    let points = try Tensor(uninitialized: [gradient.size])
    let slots = try ScratchSlots(workers, size: max(gradient.squareScratch, Winograd.edge))
    let (values, from, to, result) = (points.pointer, x.pointer, dy.pointer, dWeight.pointer)
    let gradients = values + Winograd.points * gradient.valuePlane
    for first in stride(from: 0, to: max(targets.count, 1), by: gradient.most) {
      let tiles = first..<min(first + gradient.most, targets.count)
      workers.run(sources.groups + targets.groups) { task in
        slots.borrow { edge in
          if task < sources.groups {
            sources.gatherInputs(
              from, tiles, group: task, into: values,
              WinogradTiles.Place(
                first: task * gradient.most * 8, six: 48, step: 8, plane: gradient.valuePlane),
              edge)
          } else {
            let group = task - sources.groups
            targets.gatherOutputGradients(
              to, tiles, group: group, into: gradients,
              WinogradTiles.Place(
                first: group / 2 * gradient.most * 16 + group % 2 * 8, six: 96, step: 16,
                plane: gradient.gradientPlane), edge)
          }
        }
      }
      workers.run(gradient.squares) { square in
        slots.borrow { sums in
          gradient.add(
            square, values, gradients, tiles.count, sums, into: result, isFirst: first == 0)
        }
      }
    }
    withExtendedLifetime(points) {}
  }

  /// So many that both sides' points stay in the cores' shared cache, in pieces of about one size.
  private static func tilesAtOnce(_ inputs: Int, _ outputs: Int, _ tiles: Int) -> Int {
    let fitting = Winograd.sharedFloats / (Winograd.points * (inputs + outputs))
    return Winograd.piece(of: tiles, most: max(96, min(384, fitting)))
  }
}

private struct WeightGradient {
  let inputs, outputs: Int
  let block: Int
  let most: Int  // tiles at once

  // A task has a square of inputs and outputs, so that what it reads of each is used often.
  private let side = 32
  private var squarePlane: Int { Winograd.plane(side * side) }
  private var inputSquares: Int { (inputs + side - 1) / side }
  var squares: Int { inputSquares * ((outputs + side - 1) / side) }
  var squareScratch: Int { Winograd.points * squarePlane + 18 * 8 }
  var valuePlane: Int { Winograd.plane(most * inputs) }  // floats of a point
  var gradientPlane: Int { Winograd.plane(most * outputs) }
  var size: Int { Winograd.points * (valuePlane + gradientPlane) }

  init(inputs: Int, outputs: Int, block: Int, most: Int) {
    (self.inputs, self.outputs, self.block, self.most) = (inputs, outputs, block, most)
  }

  /// - Parameters:
  ///   - values: (36, I/8, tiles, 8), room for `most` tiles.
  ///   - gradients: (36, O/16, tiles, 16), likewise.
  ///   - scratch: `squareScratch` floats.
  func add(
    _ square: Int, _ values: UnsafePointer<Float>, _ gradients: UnsafePointer<Float>,
    _ tiles: Int, _ scratch: UnsafeMutablePointer<Float>,
    into dWeight: UnsafeMutablePointer<Float>, isFirst: Bool
  ) {
    let (row, column) = square.quotientAndRemainder(dividingBy: inputSquares)
    let rows = column * side..<min((column + 1) * side, inputs)
    let columns = row * side..<min((row + 1) * side, outputs)
    let plane = squarePlane
    for point in 0..<Winograd.points {
      for output in stride(from: columns.lowerBound, to: columns.upperBound, by: 16) {
        let panel = gradients + point &* gradientPlane + output &* most
        for input in stride(from: rows.lowerBound, to: rows.upperBound, by: 4) {
          let (group, half) = input.quotientAndRemainder(dividingBy: 8)
          let to =
            scratch + point &* plane + (output &- columns.lowerBound) &* side
            + (input &- rows.lowerBound) &* 16
          fourColumns(
            values + point &* valuePlane + group &* 8 &* most + half, panel, depth: tiles,
            into: to)
        }
      }
    }
    let middle = scratch + Winograd.points * plane
    for output in stride(from: columns.lowerBound, to: columns.upperBound, by: 8) {
      for input in rows {
        let from =
          scratch + (output &- columns.lowerBound) / 16 &* 16 &* side + output % 16
          + (input &- rows.lowerBound) &* 16
        finish(from, plane, middle, into: dWeight + offset(input, output), isFirst)
      }
    }
  }

  /// 36 points of one input and eight outputs → nine taps.
  @inline(__always)
  private func finish(
    _ sums: UnsafePointer<Float>, _ plane: Int, _ middle: Winograd.Cells,
    into taps: UnsafeMutablePointer<Float>, _ isFirst: Bool
  ) {
    for column in 0..<6 {
      Winograd.filterGradient(sums + column &* plane, 6 &* plane, middle + column &* 8, 48)
    }
    for row in 0..<3 {
      let line = middle + row &* 48
      Winograd.filterGradient(line, 8, line, 8)
      for tap in 0..<3 {
        let to = taps + (row &* 3 &+ tap) &* block &* block
        let value = eightLanes(line, tap &* 8)
        store(isFirst ? value : eightLanes(to, 0) + value, to, 0)
      }
    }
  }

  /// Of tap 0.
  private func offset(_ input: Int, _ output: Int) -> Int {
    let (inputBlock, inputLane) = input.quotientAndRemainder(dividingBy: block)
    let (outputBlock, outputLane) = output.quotientAndRemainder(dividingBy: block)
    return (outputBlock * (inputs / block) + inputBlock) * 9 * block * block + inputLane * block
      + outputLane
  }
}
