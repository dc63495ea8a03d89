// Arguments that travel together, checked once; after that kernels do not check again.

import ScrlBase
import ScrlTensor

package struct ConvolutionGeometry: Equatable, Sendable {
  package let inputs: Int  // I
  package let outputs: Int  // O
  package let kernel: Int  // h = w
  package let stride: Int
  package let padding: Int

  package init(inputs: Int, outputs: Int, kernel: Int, stride: Int, padding: Int)
    throws(ScrlError)
  {
    guard inputs > 0, outputs > 0, kernel > 0, stride > 0, padding >= 0 else {
      throw ScrlError(
        .shape,
        "convolution: got \(inputs)→\(outputs), kernel \(kernel), stride \(stride), padding "
          + "\(padding) · expected positive extents")
    }
    self.inputs = inputs
    self.outputs = outputs
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
  }

  package var weightShape: [Int] { [outputs, inputs, kernel, kernel] }

  /// Throws `.shape` when the kernel does not fit the padded input.
  package func outputExtent(_ input: Int) throws(ScrlError) -> Int {
    try windowCount(input, kernel: kernel, stride: stride, padding: padding)
  }
}

package struct PoolGeometry: Equatable, Sendable {
  package let kernel: Int
  package let stride: Int
  package let padding: Int

  /// Padding is at most half the kernel, as in PyTorch: every window holds at least one cell.
  package init(kernel: Int, stride: Int, padding: Int) throws(ScrlError) {
    guard kernel > 0, stride > 0, padding >= 0, padding * 2 <= kernel else {
      throw ScrlError(
        .shape, "pooling: got kernel \(kernel), stride \(stride), padding \(padding)")
    }
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
  }

  package func outputExtent(_ input: Int) throws(ScrlError) -> Int {
    try windowCount(input, kernel: kernel, stride: stride, padding: padding)
  }
}

private func windowCount(
  _ input: Int, kernel: Int, stride: Int, padding: Int
) throws(ScrlError) -> Int {
  let slack = input + 2 * padding - kernel
  guard slack >= 0 else {
    throw ScrlError(
      .shape, "window of \(kernel) does not fit \(input) cells with padding \(padding)")
  }
  return slack / stride + 1
}

/// For every output element of a max pooling, the input cell (h·W + w) that won.
package struct PoolWinners: Sendable {
  package let outputShape: ActivationShape
  let geometry: PoolGeometry
  private let memory: Tensor  // recycled as tensors are: fresh pages would cost more than the pass

  /// For the maker to fill: of an output (N,C,H',W').
  package init(
    uninitialized output: Tensor, _ geometry: PoolGeometry
  ) throws(ScrlError) {
    self.init(
      shape: try output.rowsShape("max_pool"), geometry: geometry,
      memory: try Tensor(uninitialized: output.shape, layout: output.layout))
  }

  private init(shape: ActivationShape, geometry: PoolGeometry, memory: Tensor) {
    outputShape = shape
    self.geometry = geometry
    self.memory = memory
  }

  /// Those of some images: the same memory.
  package func images(_ range: Range<Int>) -> PoolWinners {
    let s = outputShape
    return PoolWinners(
      shape: ActivationShape(
        images: range.count, channels: s.channels, height: s.height, width: s.width,
        block: s.block), geometry: geometry, memory: memory.images(range))
  }

  /// In the memory order of y.
  var cells: UnsafeMutablePointer<Int32> {
    UnsafeMutableRawPointer(memory.pointer).bindMemory(to: Int32.self, capacity: memory.count)
  }
}

/// One box of one image, in input pixels (not yet multiplied by the spatial scale).
package struct RegionBox: Equatable, Sendable {
  package let image: Int
  package let x0, y0, x1, y1: Float
  package init(image: Int, x0: Float, y0: Float, x1: Float, y1: Float) {
    (self.image, self.x0, self.y0, self.x1, self.y1) = (image, x0, y0, x1, y1)
  }
}

/// torchvision's parameters of roi_align.
package struct RoIAlignOptions: Equatable, Sendable {
  package let outputHeight: Int
  package let outputWidth: Int
  package let spatialScale: Float  // feature cells per input pixel
  package let samplingRatio: Int  // samples per output cell and axis; ≤ 0: ⌈box / output⌉
  package let aligned: Bool  // shift by half a pixel

  package init(
    outputHeight: Int, outputWidth: Int, spatialScale: Float, samplingRatio: Int, aligned: Bool
  ) throws(ScrlError) {
    guard outputHeight > 0, outputWidth > 0, spatialScale > 0, spatialScale.isFinite,
      samplingRatio <= 64
    else {
      throw ScrlError(
        .argument,
        "roi_align: got output \(outputHeight)×\(outputWidth), scale \(spatialScale), sampling "
          + "ratio \(samplingRatio) · expected positive output and scale, ratio ≤ 64")
    }
    self.outputHeight = outputHeight
    self.outputWidth = outputWidth
    self.spatialScale = spatialScale
    self.samplingRatio = samplingRatio
    self.aligned = aligned
  }
}

/// Sums over one machine's rows, in float64 so that they may be added across machines.
package struct BatchMoments: Sendable {
  package var count: Int  // rows: N·H·W
  package var sum: [Double]  // (C)
  package var squareSum: [Double]  // (C)
  package init(count: Int, sum: [Double], squareSum: [Double]) {
    (self.count, self.sum, self.squareSum) = (count, sum, squareSum)
  }

  package static func += (_ moments: inout BatchMoments, _ more: BatchMoments) {
    moments.count += more.count
    for c in moments.sum.indices {
      moments.sum[c] += more.sum[c]
      moments.squareSum[c] += more.squareSum[c]
    }
  }
}

package struct BatchStatistics: Sendable {
  package let mean: Tensor  // (C)
  package let inverseDeviation: Tensor  // (C), 1/√(variance + ε)
  package let variance: Tensor  // (C), biased
  package let count: Int  // rows over all machines
  package init(mean: Tensor, inverseDeviation: Tensor, variance: Tensor, count: Int) {
    (self.mean, self.inverseDeviation, self.variance, self.count) =
      (mean, inverseDeviation, variance, count)
  }
}

/// One BatchNorm's numbers: y = scale·(x − mean)·inverseDeviation + shift, then the ReLU.
package struct Norm: Sendable {
  package let statistics: BatchStatistics
  package let scale: Tensor  // (C)
  package let shift: Tensor  // (C)
  package let relu: Bool
  package init(statistics: BatchStatistics, scale: Tensor, shift: Tensor, relu: Bool) {
    (self.statistics, self.scale, self.shift, self.relu) = (statistics, scale, shift, relu)
  }
}

/// Σ dy and Σ dy·x̂ per channel, after the ReLU's mask; they are dShift and dScale.
package struct BatchGradientSums: Sendable {
  package var dShift: [Double]  // (C)
  package var dScale: [Double]  // (C)
  package init(dShift: [Double], dScale: [Double]) {
    (self.dShift, self.dScale) = (dShift, dScale)
  }

  package static func += (_ sum: inout BatchGradientSums, _ more: BatchGradientSums) {
    for c in sum.dShift.indices {
      sum.dShift[c] += more.dShift[c]
      sum.dScale[c] += more.dScale[c]
    }
  }
}
