// A 3×3 weight on its way to the 36 points of Winograd's convolution.
// Letters: I input and O output channels of the convolution that is computed; b per block.

import ScrlBase
import ScrlTensor

struct WinogradFilter<Maps: WinogradMaps> {
  let outputs, inputs: Int
  let block: Int  // of the weight (Layout.weightBlocks)
  /// For the gradient of the input: the weight's own inputs and outputs are exchanged, its taps
  /// turned by half a turn.
  let isTurned: Bool
  var slicePlane: Int { Winograd.plane(inputs * 16) }  // floats of a point
  let scratch = 9 * 64 + 18 * 8

  /// 16 outputs: (36, I, 16), a plane for each point.
  func transform(
    _ weight: UnsafePointer<Float>, pair: Int, into points: Winograd.Cells, _ taps: Winograd.Cells
  ) {
    for group in 0..<inputs / 8 {
      for half in 0..<2 {
        gather(weight, 2 &* pair &+ half, group, into: taps)
        let to = points + (group &* 128 &+ half &* 8)
        for lane in 0..<8 {
          transform(taps + lane &* 8, taps + 9 &* 64, into: to + lane &* 16, slicePlane)
        }
      }
    }
  }

  /// Nine taps, 64 floats apart, → 36 points.
  @inline(__always)
  private func transform(
    _ taps: UnsafePointer<Float>, _ middle: Winograd.Cells, into points: Winograd.Cells,
    _ stride: Int
  ) {
    for column in 0..<3 {
      Maps.filter(taps + column &* 64, 192, middle + column &* 8, 24)
    }
    for row in 0..<Winograd.filterReach {
      Maps.filter(middle + row &* 24, 8, points + row &* Winograd.filterReach &* stride, stride)
    }
  }

  /// Nine taps of eight inputs and eight outputs as (tap, input, output).
  private func gather(
    _ weight: UnsafePointer<Float>, _ group: Int, _ inputGroup: Int, into taps: Winograd.Cells
  ) {
    let (own, other) = isTurned ? (inputGroup, group) : (group, inputGroup)  // weight's O and I
    let blocks = (isTurned ? outputs : inputs) / block
    let (ownBlock, ownLane) = (own &* 8).quotientAndRemainder(dividingBy: block)
    let (otherBlock, otherLane) = (other &* 8).quotientAndRemainder(dividingBy: block)
    let start = weight + (ownBlock &* blocks &+ otherBlock) &* 9 &* block &* block
    for tap in 0..<9 {
      let from = start + (tap &* block &+ otherLane) &* block + ownLane
      let to = taps + (isTurned ? 8 &- tap : tap) &* 64
      if isTurned {
        transpose(from, block, into: to)
      } else {
        for lane in 0..<8 { store(eightLanes(from, lane &* block), to, lane &* 8) }
      }
    }
  }
}

/// Eight rows of eight, `step` floats apart, as columns.
@inline(__always)
private func transpose(_ x: UnsafePointer<Float>, _ step: Int, into y: Winograd.Cells) {
  for half in 0..<2 {
    func pair(_ row: Int) -> (Eight, Eight) {
      let (p, q) = (eightLanes(x, row &* step), eightLanes(x, (row &+ 1) &* step))
      return half == 0
        ? (Eight(p[0], q[0], p[1], q[1], 0, 0, 0, 0), Eight(p[2], q[2], p[3], q[3], 0, 0, 0, 0))
        : (Eight(p[4], q[4], p[5], q[5], 0, 0, 0, 0), Eight(p[6], q[6], p[7], q[7], 0, 0, 0, 0))
    }
    let pairs = (pair(0), pair(2), pair(4), pair(6))
    func column(_ a: Eight, _ b: Eight, _ c: Eight, _ d: Eight, _ at: Int) -> Eight {
      Eight(a[at], a[at + 1], b[at], b[at + 1], c[at], c[at + 1], d[at], d[at + 1])
    }
    let to = y + half &* 32
    store(column(pairs.0.0, pairs.1.0, pairs.2.0, pairs.3.0, 0), to, 0)
    store(column(pairs.0.0, pairs.1.0, pairs.2.0, pairs.3.0, 2), to, 8)
    store(column(pairs.0.1, pairs.1.1, pairs.2.1, pairs.3.1, 0), to, 16)
    store(column(pairs.0.1, pairs.1.1, pairs.2.1, pairs.3.1, 2), to, 24)
  }
}
