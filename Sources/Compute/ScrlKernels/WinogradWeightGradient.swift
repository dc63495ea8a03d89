// The gradient of the weight of Winograd's convolution: the transpose of its three maps. Inputs and
// gradients of outputs go to points, whose products are summed over tiles and come back as nine taps.
// Letters: as in WinogradConvolution.
// Sums are cut by the problem alone: the bytes do not depend on the number of threads.

import ScrlBase
import ScrlTensor

extension WinogradConvolution {
  /// dWeight = the correlation of dy (N,O,H',W') with x (N,I,H,W). What was there does not matter.
  /// - Parameter dWeight: in blocks of `block` (Layout.weightBlocks).
  package static func backwardWeight(
    _ dy: Tensor, x: Tensor, stride: Int, block: Int, into dWeight: Tensor, _ workers: Workers
  ) throws(ScrlError) {
    if stride == 1 {
      try correlate(WinogradStrideOne.self, dy, x, block, into: dWeight, workers)
    } else {
      try correlate(WinogradStrideTwo.self, dy, x, block, into: dWeight, workers)
    }
  }

  private static func correlate<Maps: WinogradGradientMaps>(
    _ maps: Maps.Type, _ dy: Tensor, _ x: Tensor, _ block: Int, into dWeight: Tensor,
    _ workers: Workers
  ) throws(ScrlError) {
    let sources = WinogradTiles(try x.activationShape("winograd"), side: Maps.source)
    let targets = WinogradTiles(try dy.activationShape("winograd"), side: Maps.target)
    let taps = WinogradTaps(inputs: x.shape[1], outputs: dy.shape[1], block: block)
    if Winograd.filterPoints * taps.inputs * taps.outputs <= 2 * Winograd.sharedFloats {
      try WinogradGradientRows<Maps>(sources: sources, targets: targets, taps: taps, workers)
        .run(x.pointer, dy.pointer, into: dWeight.pointer, workers)
    } else {
      try WinogradGradientSquares<Maps>(sources: sources, targets: targets, taps: taps)
        .run(x.pointer, dy.pointer, into: dWeight.pointer, workers)
    }
    withExtendedLifetime((dy, x, dWeight)) {}
  }
}

/// Where the taps of a weight lie.
struct WinogradTaps {
  let inputs, outputs: Int
  let block: Int  // Layout.weightBlocks

  /// Of tap 0 of eight outputs; the next is a block² further.
  func offset(_ input: Int, _ output: Int) -> Int {
    let (inputBlock, inputLane) = input.quotientAndRemainder(dividingBy: block)
    let (outputBlock, outputLane) = output.quotientAndRemainder(dividingBy: block)
    return (outputBlock * (inputs / block) + inputBlock) * 9 * block * block + inputLane * block
      + outputLane
  }
}
