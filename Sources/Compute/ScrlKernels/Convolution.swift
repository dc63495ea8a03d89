// Convolution without bias as matrix products. x (N,I,H,W) NHWC, weight (O,I,h,w) stored
// (O,h,w,I), y (N,O,H',W') NHWC. A 1×1 window of stride 1 multiplies x as it lies; every other
// kernel gathers tiles of windows first (see ConvolutionWindows).
// Not here: bias, groups, dilation. ResNet has none.

import ScrlBase
import ScrlTensor

extension OpenBLASEngine {
  package func packWeight(_ plain: Tensor, _ g: ConvolutionGeometry) throws(ScrlError) -> Tensor {
    try expectWeight("pack_weight", plain, g, .plain)
    let packed = try Tensor(uninitialized: g.weightShape, layout: .outputFirst)
    let (from, to) = (plain.pointer, packed.pointer)
    forEachWeight(g) { plainIndex, packedIndex in to[packedIndex] = from[plainIndex] }
    return packed
  }

  package func unpackWeight(
    _ packed: Tensor, _ g: ConvolutionGeometry
  ) throws(ScrlError) -> Tensor {
    try expectWeight("unpack_weight", packed, g, .outputFirst)
    let plain = try Tensor(uninitialized: g.weightShape)
    let (from, to) = (packed.pointer, plain.pointer)
    forEachWeight(g) { plainIndex, packedIndex in to[plainIndex] = from[packedIndex] }
    return plain
  }

  package func convolution(
    _ x: Tensor, weight: Tensor, _ g: ConvolutionGeometry, into y: Tensor
  ) throws(ScrlError) {
    let e = try convolutionExtents("convolution", x, g)
    try expectWeight("convolution", weight, g, .outputFirst)
    try expectActivation("convolution", y, e.outputShape, .blocked(g.outputs))
    let matrix = Matrix(start: weight.pointer, stride: e.columns, transposed: true)
    try multiplyWindows(x.pointer, e, by: matrix, into: y.pointer)
  }

  package func convolutionBackwardInput(
    _ dy: Tensor, weight: Tensor, _ g: ConvolutionGeometry, into dx: Tensor
  ) throws(ScrlError) {
    let operation = "convolution_backward_input"
    try expectWeight(operation, weight, g, .outputFirst)
    let e = try convolutionExtents(operation, dx, g)
    try expectActivation(operation, dy, e.outputShape, .blocked(g.outputs))
    if e.isPlainProduct {
      gemm(
        e.pixels, g.inputs, g.outputs, Matrix(start: dy.pointer, stride: g.outputs),
        Matrix(start: weight.pointer, stride: g.inputs), beta: 0, into: dx.pointer,
        stride: g.inputs, workers)
    } else if g.stride == 1, g.padding < g.kernel {
      try convolveWithFlipped(weight, dy, e, into: dx.pointer)
    } else {
      try scatterProducts(dy.pointer, weight.pointer, e, into: dx.pointer)
    }
  }

  /// dWeight += dyᵀ · windows of x.
  package func convolutionBackwardWeight(
    _ dy: Tensor, x: Tensor, into dWeight: Tensor, _ g: ConvolutionGeometry
  ) throws(ScrlError) {
    let operation = "convolution_backward_weight"
    let e = try convolutionExtents(operation, x, g)
    try expectWeight(operation, dWeight, g, .outputFirst)
    try expectActivation(operation, dy, e.outputShape, .blocked(g.outputs))
    // Many pixels: each worker sums its own. Few pixels, much weight: each owns some columns.
    if e.pixels >= 4096 * workers.count {
      try addPixelShares(dy.pointer, x.pointer, e, into: dWeight.pointer)
    } else if e.isPlainProduct {
      gemm(
        g.outputs, g.inputs, e.pixels,
        Matrix(start: dy.pointer, stride: g.outputs, transposed: true),
        Matrix(start: x.pointer, stride: g.inputs), beta: 1, into: dWeight.pointer,
        stride: g.inputs, workers)
    } else {
      try addColumnShares(dy.pointer, x.pointer, e, into: dWeight.pointer)
    }
  }
}

extension OpenBLASEngine {
  /// Rows of windows in one tile: enough to repay the repacking of the weight, few enough that
  /// the tile stays in the cache of its core.
  private func tileRows(_ columns: Int, _ pixels: Int) -> Int {
    let share = (pixels + workers.count - 1) / workers.count
    return max(1, min(max(256, 131_072 / columns), share))
  }

  /// y (P×O) = windows of x (P×columns) · weight.
  private func multiplyWindows(
    _ x: UnsafePointer<Float>, _ e: ConvolutionExtents, by weight: Matrix,
    into y: UnsafeMutablePointer<Float>
  ) throws(ScrlError) {
    let (outputs, columns) = (e.geometry.outputs, e.columns)
    if e.isPlainProduct {
      return gemm(
        e.pixels, outputs, columns, Matrix(start: x, stride: columns), weight, beta: 0, into: y,
        stride: outputs, workers)
    }
    let tile = tileRows(columns, e.pixels)
    let slots = try ScratchSlots(workers, size: tile * columns)
    workers.ranges(e.pixels, grain: tile) { pixels in
      slots.borrow { rows in
        gatherWindows(x, e, pixels: pixels, columns: 0..<columns, into: rows)
        gemmAlone(
          pixels.count, outputs, columns, Matrix(start: rows, stride: columns), weight, beta: 0,
          into: y + pixels.lowerBound * outputs, stride: outputs)
      }
    }
  }

  /// Stride 1: dx is the convolution of dy with the weight turned by half a turn, its inputs and
  /// outputs exchanged, and padding h − 1 − p.
  private func convolveWithFlipped(
    _ weight: Tensor, _ dy: Tensor, _ e: ConvolutionExtents,
    into dx: UnsafeMutablePointer<Float>
  ) throws(ScrlError) {
    let g = e.geometry
    let turned = ConvolutionExtents(
      geometry: try ConvolutionGeometry(
        inputs: g.outputs, outputs: g.inputs, kernel: g.kernel, stride: 1,
        padding: g.kernel - 1 - g.padding),
      images: e.images, height: e.outputHeight, width: e.outputWidth, outputHeight: e.height,
      outputWidth: e.width)
    let taps = g.kernel * g.kernel
    let flipped = try Tensor(uninitialized: [taps, g.outputs, g.inputs])  // (h,w,O,I)
    workers.run(taps) { tap in
      for output in 0..<g.outputs {
        (flipped.pointer + (tap &* g.outputs &+ output) &* g.inputs).update(
          from: weight.pointer + (output &* taps &+ (taps &- 1 &- tap)) &* g.inputs,
          count: g.inputs)
      }
    }
    try multiplyWindows(
      dy.pointer, turned, by: Matrix(start: flipped.pointer, stride: g.inputs), into: dx)
    withExtendedLifetime(flipped) {}
  }

  /// Any stride: rows = dy · weight, added where their windows lie. A task owns whole images.
  private func scatterProducts(
    _ dy: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ e: ConvolutionExtents,
    into dx: UnsafeMutablePointer<Float>
  ) throws(ScrlError) {
    let (g, columns) = (e.geometry, e.columns)
    let imageSize = e.height * e.width * g.inputs
    let tile = tileRows(columns, e.pixels)
    let imagesPerTask = max(1, tile / max(e.outputCells, 1))
    let slots = try ScratchSlots(workers, size: tile * columns)
    workers.ranges(e.images, grain: imagesPerTask) { images in
      (dx + images.lowerBound * imageSize).update(repeating: 0, count: images.count * imageSize)
      let end = images.upperBound * e.outputCells
      slots.borrow { rows in
        for first in stride(from: images.lowerBound * e.outputCells, to: end, by: tile) {
          let pixels = first..<min(first + tile, end)
          gemmAlone(
            pixels.count, columns, g.outputs,
            Matrix(start: dy + first * g.outputs, stride: g.outputs),
            Matrix(start: weight, stride: columns), beta: 0, into: rows, stride: columns)
          scatterWindows(rows, e, pixels: pixels, into: dx)
        }
      }
    }
  }
}
