// The compute seam: what a backend must do. `OpenBLASEngine` is the reference; a fast engine
// mirrors its files and equals it on every test before it is timed.
// Letters: N images, C channels, H×W cells, K boxes, O output and I input channels, F features.
// Rules: `into` names what is overwritten, a whole tensor or some images of one; other results are
// new tensors. `d` means gradient; gradients of parameters are *added* into a given tensor. For a
// fixed worker count, and the same algorithms where an engine chooses them by time, the bytes of
// every result are the same from run to run.

import ScrlBase
import ScrlTensor

package protocol Engine: Sendable {
  var name: String { get }  // "openblas"
  var workers: Workers { get }
  /// Of what convolutions multiply, relative: 2⁻²⁴ is float32's own.
  var operandRounding: Double { get }

  /// Channels per block this engine wants for an activation of C channels; it divides C.
  func channelBlock(for channels: Int) -> Int

  /// The algorithms that were chosen by time so far, as lines of text; empty where none are.
  var algorithmChoices: String { get }
  /// Computes from now on as `text`, an engine's algorithmChoices, says. Shapes, threads and
  /// algorithms that this engine does not meet or have do not matter.
  func restoreAlgorithms(_ text: String) throws(ScrlError)

  // Convolution weights: plain (O,I,h,w) as checkpoints hold them ↔ the engine's own order.
  func packWeight(_ plain: Tensor, _ g: ConvolutionGeometry) throws(ScrlError) -> Tensor
  func unpackWeight(_ packed: Tensor, _ g: ConvolutionGeometry) throws(ScrlError) -> Tensor

  // Convolution without bias. x (N,I,H,W) → y (N,O,H',W').
  func convolution(
    _ x: Tensor, weight: Tensor, _ g: ConvolutionGeometry, into y: Tensor
  ) throws(ScrlError)
  func convolutionBackwardInput(
    _ dy: Tensor, weight: Tensor, _ g: ConvolutionGeometry, into dx: Tensor
  ) throws(ScrlError)
  func convolutionBackwardWeight(
    _ dy: Tensor, x: Tensor, into dWeight: Tensor, _ g: ConvolutionGeometry
  ) throws(ScrlError)

  /// Inference: y = conv(x) + bias (O), then + residual where there is one, then max(…, 0) where
  /// wanted. The residual's memory may become y's: it is not to be read afterwards. A finite x is
  /// the caller's to see to, for a fused ReLU may make 0 of NaN.
  func foldedConvolution(
    _ x: Tensor, weight: Tensor, bias: Tensor, _ g: ConvolutionGeometry, relu: Bool,
    adding residual: Tensor?
  ) throws(ScrlError) -> Tensor

  // BatchNorm (Ioffe & Szegedy 2015) with optional ReLU, over (N,C,H,W) or (N,F), in halves:
  // moments and sums add up over groups of images, and over machines, before they are used.
  func batchNormMoments(_ x: Tensor) throws(ScrlError) -> BatchMoments
  func batchNormApply(_ x: Tensor, _ norm: Norm, into y: Tensor) throws(ScrlError)
  /// The ReLU's output is recomputed from x: y is not needed.
  func batchNormBackwardSums(
    _ dy: Tensor, x: Tensor, _ norm: Norm
  ) throws(ScrlError) -> BatchGradientSums
  func batchNormBackwardApply(
    _ dy: Tensor, x: Tensor, _ norm: Norm, _ sums: BatchGradientSums, into dx: Tensor
  ) throws(ScrlError)

  // y = max(a + b, 0), the sides normalised on the way; the gradient is the same for a and b.
  func addReLU(_ a: Addend, _ b: Addend, into y: Tensor) throws(ScrlError)
  /// In place: dy ← dy (+ more) where y > 0, else 0. Returns the gradient sums of a side's norm.
  func addReLUBackward(
    _ dy: Tensor, adding more: Tensor?, y: Tensor, sumsOf side: Addend?
  ) throws(ScrlError) -> BatchGradientSums?

  /// In place: y ← y + bias (C), then max(…, 0) where wanted.
  func addBias(_ bias: Tensor, to y: Tensor, relu: Bool) throws(ScrlError)
  /// Returns Σ d over N, H and W, where d is dy, or with a y: dy where y > 0, else 0. That is
  /// written into d, which may be dy itself; without a y nothing is written.
  func biasBackward(
    _ dy: Tensor, masking y: Tensor?, into d: Tensor
  ) throws(ScrlError) -> [Double]
  /// y = max(x, 0); y may be x itself.
  func relu(_ x: Tensor, into y: Tensor) throws(ScrlError)

  /// y (N,C,2h,2w) = fine + each cell of coarse (N,C,h,w) four times.
  func upsampleAdd(_ coarse: Tensor, _ fine: Tensor, into y: Tensor) throws(ScrlError)
  /// dCoarse = the sum of the four; the gradient of the fine map is dy.
  func upsampleAddBackward(_ dy: Tensor, into dCoarse: Tensor) throws(ScrlError)

  // Max pooling; `winners` holds, per output element, the input cell (h·W + w) it came from.
  func maxPool(_ x: Tensor, into y: Tensor, _ winners: PoolWinners) throws(ScrlError)
  func maxPoolBackward(
    _ dy: Tensor, winners: PoolWinners, into dx: Tensor
  ) throws(ScrlError)

  // Global average pooling (N,C,H,W) → (N,C).
  func globalAveragePool(_ x: Tensor) throws(ScrlError) -> Tensor
  func globalAveragePoolBackward(
    _ dy: Tensor, like shape: ActivationShape
  ) throws(ScrlError) -> Tensor

  // c (M×N, no gaps between rows) ← op(a) (M×K) · op(b) (K×N) + beta·c. Callers check extents.
  func multiply(
    _ m: Int, _ n: Int, _ k: Int, _ a: Matrix, _ b: Matrix, beta: Float, into c: Tensor
  ) throws(ScrlError)

  // y (N,O) = x (N,I) · weight (O,I)ᵀ + bias (O).
  func linear(_ x: Tensor, weight: Tensor, bias: Tensor?) throws(ScrlError) -> Tensor
  func linearBackwardInput(_ dy: Tensor, weight: Tensor) throws(ScrlError) -> Tensor
  func linearBackwardParameters(
    _ dy: Tensor, x: Tensor, into dWeight: Tensor, _ dBias: Tensor?
  ) throws(ScrlError)

  // RoIAlign (He et al. 2017, section 3): features (N,C,H,W), K boxes → (K,C,P,P), P = outputSize.
  // Box k has row rows[k] of y or dy, so that boxes of several maps meet in one tensor.
  func roiAlign(
    _ x: Tensor, boxes: [RegionBox], _ options: RoIAlignOptions, into y: Tensor, rows: [Int]
  ) throws(ScrlError)
  func roiAlignBackward(
    _ dy: Tensor, rows: [Int], boxes: [RegionBox], _ options: RoIAlignOptions,
    like shape: ActivationShape
  ) throws(ScrlError) -> Tensor
}

extension Engine {
  /// An activation (N,C,H,W) in the blocks this engine wants, for its maker to fill.
  package func activation(_ shape: [Int]) throws(ScrlError) -> Tensor {
    try Tensor(uninitialized: shape, layout: .blocked(channelBlock(for: shape[1])))
  }

  /// (N,O,H',W') of a convolution of x (N,I,H,W).
  package func outputShape(
    _ x: [Int], _ g: ConvolutionGeometry
  ) throws(ScrlError) -> [Int] {
    guard x.count == 4 else {
      throw ScrlError(.shape, "convolution: got \(x) · expected (N,\(g.inputs),H,W)")
    }
    return [x[0], g.outputs, try g.outputExtent(x[2]), try g.outputExtent(x[3])]
  }

  package var operandRounding: Double { 0x1p-24 }

  // An engine without a choice.
  package var algorithmChoices: String { "" }
  package func restoreAlgorithms(_ text: String) throws(ScrlError) {}
}
