// Winograd's convolution, 3×3, stride 1, one zero around the map: the outputs, and the gradient of
// the input, which is the convolution of dy with the weight turned by half a turn.
// Letters: N images, I input and O output channels, H×W cells, b channels per block, T tiles.
// An output's bytes depend on its own tile alone, whatever the number of threads.

import ScrlBase
import ScrlTensor

package enum WinogradConvolution {
  /// Whether the kernels here compute it: whole blocks of 16 channels on both sides, on CPUs whose
  /// vectors multiply and add in one instruction.
  package static func fits(_ g: ConvolutionGeometry) -> Bool {
    g.kernel == 3 && g.stride == 1 && g.padding == 1 && g.inputs % 16 == 0 && g.outputs % 16 == 0
      && instructionSet().hasPrefix("AVX")
  }

  /// y (N,O,H,W) = x (N,I,H,W) * weight; then bias, residual and ReLU of inference.
  /// - Parameters:
  ///   - weight: in blocks of `block` (Layout.weightBlocks).
  ///   - adds: what y holds already, before the ReLU.
  package static func forward(
    _ x: Tensor, weight: Tensor, block: Int, into y: Tensor, bias: Tensor? = nil,
    adds: Bool = false, relu: Bool = false, _ workers: Workers
  ) throws(ScrlError) {
    let filter = WinogradFilter(
      outputs: y.shape[1], inputs: x.shape[1], block: block, isTurned: false)
    let finish = WinogradFinish(
      bias: bias.map { UnsafePointer($0.pointer) }, adds: adds, relu: relu)
    try convolve(x, weight, filter, into: y, finish, workers)
    withExtendedLifetime(bias) {}
  }

  /// dx (N,I,H,W) from dy (N,O,H,W).
  package static func backwardInput(
    _ dy: Tensor, weight: Tensor, block: Int, into dx: Tensor, _ workers: Workers
  ) throws(ScrlError) {
    let filter = WinogradFilter(
      outputs: dx.shape[1], inputs: dy.shape[1], block: block, isTurned: true)
    try convolve(dy, weight, filter, into: dx, WinogradFinish(), workers)
  }

  private static func convolve(
    _ x: Tensor, _ weight: Tensor, _ filter: WinogradFilter, into y: Tensor,
    _ finish: WinogradFinish, _ workers: Workers
  ) throws(ScrlError) {
    let pass = WinogradPass(
      filter: filter, sources: WinogradTiles(try x.activationShape("winograd")),
      targets: WinogradTiles(try y.activationShape("winograd")), finish: finish, workers: workers)
    guard pass.targets.count > 0 else { return }
    if Winograd.points * filter.inputs * filter.outputs <= Winograd.sharedFloats {
      try pass.byTiles(x.pointer, weight.pointer, into: y.pointer)
    } else {
      try pass.bySlices(x.pointer, weight.pointer, into: y.pointer)
    }
    withExtendedLifetime((x, weight, y)) {}
  }
}
