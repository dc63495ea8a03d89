// Winograd's convolution, 3×3, stride 1, one zero around the map: the outputs, and the gradient of
// the input, which is the convolution of dy with the weight turned by half a turn.
// Letters: N images, I input and O output channels, H×W cells, b channels per block, T tiles.
// Some tiles at a time go all the way: inputs to points, 36 products (tiles × I)·(I × O), points to
// outputs. An output's bytes depend on its own tile alone, whatever the number of threads.

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
    let (sources, targets) = (
      WinogradTiles(try x.activationShape("winograd")),
      WinogradTiles(try y.activationShape("winograd"))
    )
    guard targets.count > 0 else { return }
    let filters = try filter.transformed(weight.pointer, workers)
    let panels = TilePanels(filter, tiles: targets.count, workers)
    let slots = try ScratchSlots(workers, size: panels.size)
    let (from, to, factors) = (x.pointer, y.pointer, filters.pointer)
    workers.ranges(targets.count, grain: panels.each) { tiles in
      slots.borrow { points in
        let products = points + Winograd.points * panels.pointPlane
        let edge = products + Winograd.points * panels.productPlane
        for group in 0..<sources.groups {
          sources.gatherInputs(
            from, tiles, group: group, into: points + group * panels.each * 8,
            stride: panels.pointPlane, edge)
        }
        panels.multiply(points, factors, tiles.count, into: products)
        for group in 0..<targets.groups {
          targets.scatterOutputs(
            products + (group / 2) * panels.each * 16 + group % 2 * 8, tiles, group: group,
            step: 16, stride: panels.productPlane, finish, into: to, edge)
        }
      }
    }
    withExtendedLifetime(filters) {}
  }
}

/// Some tiles' points (36, I/8, tiles, 8) and their products (36, O/16, tiles, 16).
private struct TilePanels {
  let inputs, outputs: Int
  let each: Int  // tiles at once, a multiple of six
  let filterPlane, pointPlane, productPlane: Int  // floats of a point
  var size: Int { Winograd.points * (pointPlane + productPlane) + Winograd.edge }

  /// Few channels: so few tiles that they stay in a core's own cache; many: so many that reading
  /// the transformed weight is repaid, within 10 MiB a thread for 512 channels on either side.
  init(_ filter: WinogradFilter, tiles: Int, _ workers: Workers) {
    (inputs, outputs) = (filter.inputs, filter.outputs)
    let share = (tiles + workers.count - 1) / workers.count
    let most = max(12, min(64, inputs * outputs / 2048))
    let rounds = (share + most - 1) / most
    each = ((share + rounds - 1) / rounds + 5) / 6 * 6
    filterPlane = filter.plane
    pointPlane = Winograd.plane(each * inputs)
    productPlane = Winograd.plane(each * outputs)
  }

  /// For every point: products = points · factors, which are (36, O/16, I, 16).
  func multiply(
    _ points: UnsafePointer<Float>, _ factors: UnsafePointer<Float>, _ tiles: Int,
    into products: UnsafeMutablePointer<Float>
  ) {
    for point in 0..<Winograd.points {
      let rows = points + point &* pointPlane
      for pair in 0..<(outputs / 16) {
        let panel = factors + point &* filterPlane + pair &* 16 &* inputs
        let sums = products + point &* productPlane + pair &* 16 &* each
        for first in stride(from: 0, to: tiles, by: 6) {
          sixRows(
            rows + first &* 8, step: each &* 8, panel, depth: inputs, into: sums + first &* 16)
        }
      }
    }
  }
}
