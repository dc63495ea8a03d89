// A 3×3 weight on its way to the 36 points of Winograd's convolution.
// Letters: I input and O output channels of the convolution that is computed; b per block.

import ScrlBase
import ScrlTensor

struct WinogradFilter {
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
      Winograd.filter(taps + column &* 64, 192, middle + column &* 8, 24)
    }
    for row in 0..<6 {
      Winograd.filter(middle + row &* 24, 8, points + row &* 6 &* stride, stride)
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
      let from = start + ((isTurned ? 8 &- tap : tap) &* block &+ otherLane) &* block + ownLane
      let to = taps + tap &* 64
      for lane in 0..<8 {
        if isTurned {
          for output in 0..<8 { to[output &* 8 &+ lane] = from[lane &* block &+ output] }
        } else {
          store(eightLanes(from, lane &* block), to, lane &* 8)
        }
      }
    }
  }
}
