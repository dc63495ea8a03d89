// Winograd's convolution, 3×3, stride 1 or 2, one zero around the map: the outputs, and the gradient
// of the input, in which the weight is turned by half a turn.
// Letters: N images, I input and O output channels, H×W cells and H'×W' of the output, b channels
// per block, T tiles, P points of a tile along an axis.
// An output's bytes depend on its own tile alone, whatever the number of threads.

import ScrlBase
import ScrlTensor

package enum WinogradConvolution {
  /// Whether the kernels here compute it: whole blocks of 16 channels on both sides, on CPUs whose
  /// vectors multiply and add in one instruction.
  package static func fits(_ g: ConvolutionGeometry) -> Bool {
    g.kernel == 3 && (g.stride == 1 || g.stride == 2) && g.padding == 1 && g.inputs % 16 == 0
      && g.outputs % 16 == 0 && instructionSet().hasPrefix("AVX")
  }

  /// y (N,O,H',W') = x (N,I,H,W) * weight; then bias, residual and ReLU of inference.
  /// - Parameters:
  ///   - weight: in blocks of `block` (Layout.weightBlocks).
  ///   - adds: what y holds already, before the ReLU.
  package static func forward(
    _ x: Tensor, weight: Tensor, stride: Int, block: Int, into y: Tensor, bias: Tensor? = nil,
    adds: Bool = false, relu: Bool = false, _ workers: Workers
  ) throws(ScrlError) {
    let finish = WinogradFinish(
      bias: bias.map { UnsafePointer($0.pointer) }, adds: adds, relu: relu)
    if stride == 1 {
      try convolve(
        WinogradStrideOne.self, x, weight, block, isTurned: false, into: y, finish, workers)
    } else {
      try convolve(
        WinogradStrideTwo.self, x, weight, block, isTurned: false, into: y, finish, workers)
    }
    withExtendedLifetime(bias) {}
  }

  /// dx (N,I,H,W) from dy (N,O,H',W').
  package static func backwardInput(
    _ dy: Tensor, weight: Tensor, stride: Int, block: Int, into dx: Tensor, _ workers: Workers
  ) throws(ScrlError) {
    let finish = WinogradFinish()
    if stride == 1 {
      try convolve(
        WinogradStrideOne.self, dy, weight, block, isTurned: true, into: dx, finish, workers)
    } else {
      try convolve(
        WinogradStrideTwoGradient.self, dy, weight, block, isTurned: true, into: dx, finish,
        workers)
    }
  }

  private static func convolve<Maps: WinogradMaps>(
    _ maps: Maps.Type, _ x: Tensor, _ weight: Tensor, _ block: Int, isTurned: Bool,
    into y: Tensor, _ finish: WinogradFinish, _ workers: Workers
  ) throws(ScrlError) {
    let filter = WinogradFilter<Maps>(
      outputs: y.shape[1], inputs: x.shape[1], block: block, isTurned: isTurned)
    let pass = WinogradPass(
      filter: filter, sources: WinogradTiles(try x.activationShape("winograd"), side: Maps.source),
      targets: WinogradTiles(try y.activationShape("winograd"), side: Maps.target),
      finish: finish, workers: workers)
    guard pass.targets.count > 0 else { return }
    if Winograd.filterPoints * filter.inputs * filter.outputs <= Winograd.sharedFloats {
      try pass.byTiles(x.pointer, weight.pointer, into: y.pointer)
    } else {
      try pass.bySlices(x.pointer, weight.pointer, into: y.pointer)
    }
    withExtendedLifetime((x, weight, y)) {}
  }
}
