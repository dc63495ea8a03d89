// The gradient of the weight of Winograd's convolution with few channels: a task makes a row of the
// points and sums their products, so that points never leave its core's cache.
// Letters: as in WinogradConvolution.

import ScrlBase
import ScrlTensor

/// A task has a row of the weight's 6×6 points and the rows of tiles' points that share it. The sums,
/// (36, O/16, I, 16), stay in the shared cache.
struct WinogradGradientRows<Maps: WinogradGradientMaps> {
  let sources, targets: WinogradTiles
  let taps: WinogradTaps
  private let parts: Int  // tasks that share a row of points, each some inputs
  private let most: Int  // tiles at a time
  private let rows: [(input: WinogradRow, gradient: WinogradRow)]
  private let finishedInputs = 32  // at a time

  private var sumPlane: Int { Winograd.plane(taps.inputs * taps.outputs) }  // floats of a point
  private var partInputs: Int { (taps.inputs / 8 + parts - 1) / parts * 8 }
  private var valuePlane: Int { Winograd.plane(most * partInputs) }
  private var gradientPlane: Int { Winograd.plane(most * taps.outputs) }
  private var scratch: Int {
    Maps.reach * (valuePlane + gradientPlane) + max(Maps.edge, 18 * finishedInputs * 16)
  }

  init(
    sources: WinogradTiles, targets: WinogradTiles, taps: WinogradTaps, _ workers: Workers
  ) {
    (self.sources, self.targets, self.taps) = (sources, targets, taps)
    // Enough tasks, and as many rows of tiles' points for all threads where that can be.
    let (count, groups) = (workers.count, taps.inputs / 8)
    let enough = 1...max(1, min(groups, 3 * count))
    parts =
      enough.first { Maps.reach * $0 >= 3 * count && Maps.reach * $0 % count == 0 }
      ?? enough.upperBound
    most = Winograd.piece(of: targets.count, most: max(48, 65_536 / (taps.inputs + taps.outputs)))
    rows = (0..<Maps.reach).map {
      (
        WinogradRow($0, of: Maps.input, Maps.inputReads),
        WinogradRow($0, of: Maps.outputGradient, Maps.gradientReads)
      )
    }
  }

  func run(
    _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
    into dWeight: UnsafeMutablePointer<Float>, _ workers: Workers
  ) throws(ScrlError) {
    let memory = try Tensor(uninitialized: [Winograd.filterPoints * sumPlane])
    let slots = try ScratchSlots(workers, size: scratch)
    let sums = memory.pointer
    workers.run(Winograd.filterReach * parts) { task in
      slots.borrow { add(task, x, dy, into: sums, $0) }
    }
    workers.run(taps.outputs / 16) { pair in
      slots.borrow { finish(pair, sums, into: dWeight, $0) }
    }
    withExtendedLifetime(memory) {}
  }

  /// The sums over all tiles of a row of points, of some inputs.
  private func add(
    _ task: Int, _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
    into sums: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let (line, part) = task.quotientAndRemainder(dividingBy: parts)
    let own = part * partInputs..<max(part * partInputs, min((part + 1) * partInputs, taps.inputs))
    let gradients = scratch + Maps.reach * valuePlane
    let edge = gradients + Maps.reach * gradientPlane
    var isFirst = true
    for first in stride(from: 0, to: max(targets.count, 1), by: most) {
      let tiles = first..<min(first + most, targets.count)
      for row in Maps.sharing(line) {
        gather(row, x, tiles, own, into: scratch, edge)
        gatherGradients(row, dy, tiles, into: gradients, edge)
        for factor in 0..<Winograd.filterReach {
          let plane = sums + (line &* Winograd.filterReach &+ factor) &* sumPlane
          for output in stride(from: 0, to: taps.outputs, by: 16) {
            for input in stride(from: own.lowerBound, to: own.upperBound, by: 4) {
              let (group, half) = (input &- own.lowerBound).quotientAndRemainder(dividingBy: 8)
              fourColumns(
                scratch + group &* 8 &* most + half, plane: valuePlane, gradients + output &* most,
                plane: gradientPlane, points: Maps.sharing(factor), depth: tiles.count,
                into: plane + output &* taps.inputs + input &* 16, adds: !isFirst)
            }
          }
        }
        isFirst = false
      }
    }
  }

  /// A row of points of some inputs, (P, I/8, tiles, 8).
  private func gather(
    _ row: Int, _ x: UnsafePointer<Float>, _ tiles: Range<Int>, _ inputs: Range<Int>,
    into values: Winograd.Cells, _ edge: Winograd.Cells
  ) {
    for input in stride(from: inputs.lowerBound, to: inputs.upperBound, by: 8) {
      let place = WinogradTiles.Place(
        first: (input &- inputs.lowerBound) &* most, six: 48, step: 8, plane: valuePlane)
      sources.gather(
        row: rows[row].input, x, tiles, group: input / 8, Maps.inputReads, into: values, place,
        edge, by: Maps.input)
    }
  }

  /// And of all outputs' gradients, (P, O/16, tiles, 16).
  private func gatherGradients(
    _ row: Int, _ dy: UnsafePointer<Float>, _ tiles: Range<Int>,
    into gradients: Winograd.Cells, _ edge: Winograd.Cells
  ) {
    for output in stride(from: 0, to: taps.outputs, by: 8) {
      let place = WinogradTiles.Place(
        first: output / 16 &* 16 &* most &+ output % 16, six: 96, step: 16, plane: gradientPlane)
      targets.gather(
        row: rows[row].gradient, dy, tiles, group: output / 8, Maps.gradientReads, into: gradients,
        place, edge, by: Maps.outputGradient)
    }
  }

  /// Sums → nine taps of sixteen outputs and all inputs.
  private func finish(
    _ pair: Int, _ sums: UnsafePointer<Float>,
    into dWeight: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let step = taps.block &* taps.block
    for first in stride(from: 0, to: taps.inputs, by: finishedInputs) {
      let some = min(finishedInputs, taps.inputs - first)
      // Few planes at a time, or the CPU does not see that they are read one after another.
      for factor in 0..<Winograd.filterReach {
        let plane = sums + factor &* sumPlane + (pair &* taps.inputs &+ first) &* 16
        for eight in 0..<2 &* some {
          Maps.filterGradient(
            plane + eight &* 8, Winograd.filterReach &* sumPlane,
            scratch + (factor &* 2 &* some &+ eight) &* 8, 12 &* some &* 8)
        }
      }
      for eight in 0..<2 &* some {
        let to = dWeight + taps.offset(first + eight / 2, pair * 16 + eight % 2 * 8)
        for row in 0..<3 {
          Maps.filterGradient(
            scratch + (row &* 12 &* some &+ eight) &* 8, 2 &* some &* 8,
            to + row &* 3 &* step, step)
        }
      }
    }
  }
}
