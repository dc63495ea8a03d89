// The compute seam: what a backend must do. `OpenBLASEngine` is the reference; a fast engine
// mirrors its files and equals it on every test before it is timed.
// Letters: N images, C channels, H×W cells, K boxes, O output and I input channels, F features.
// Rules: results are new tensors; `d` means gradient; gradients of parameters are *added* into a
// given tensor, gradients of activations are returned. For a fixed worker count the bytes of
// every result are the same from run to run.

import ScrlBase
import ScrlTensor

package protocol Engine: Sendable {
  var name: String { get }  // "openblas"
  var workers: Workers { get }

  /// Channels per block this engine wants for an activation of C channels; it divides C.
  func channelBlock(for channels: Int) -> Int

  // Convolution weights: plain (O,I,h,w) as checkpoints hold them ↔ the engine's own order.
  func packWeight(_ plain: Tensor, _ g: ConvolutionGeometry) throws(ScrlError) -> Tensor
  func unpackWeight(_ packed: Tensor, _ g: ConvolutionGeometry) throws(ScrlError) -> Tensor

  // Convolution without bias. x (N,I,H,W) → y (N,O,H',W').
  func convolution(
    _ x: Tensor, weight: Tensor, _ g: ConvolutionGeometry
  ) throws(ScrlError) -> Tensor
  func convolutionBackwardInput(
    _ dy: Tensor, weight: Tensor, inputHeight: Int, inputWidth: Int, _ g: ConvolutionGeometry
  ) throws(ScrlError) -> Tensor
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

  // BatchNorm (Ioffe & Szegedy 2015) with optional ReLU, over (N,C,H,W) or (N,F).
  // Fused entry: one machine.
  func batchNorm(
    _ x: Tensor, scale: Tensor, shift: Tensor, epsilon: Float, relu: Bool
  ) throws(ScrlError) -> (y: Tensor, statistics: BatchStatistics)
  /// The ReLU's output is recomputed from x: y is not needed.
  func batchNormBackward(
    _ dy: Tensor, x: Tensor, statistics: BatchStatistics, scale: Tensor, shift: Tensor,
    relu: Bool, into dScale: Tensor, _ dShift: Tensor
  ) throws(ScrlError) -> Tensor
  // Split entry: between the halves the moments and sums may be all-reduced across machines.
  func batchNormMoments(_ x: Tensor) throws(ScrlError) -> BatchMoments
  func batchNormApply(
    _ x: Tensor, statistics: BatchStatistics, scale: Tensor, shift: Tensor, relu: Bool
  ) throws(ScrlError) -> Tensor
  func batchNormBackwardSums(
    _ dy: Tensor, x: Tensor, statistics: BatchStatistics, scale: Tensor, shift: Tensor, relu: Bool
  ) throws(ScrlError) -> BatchGradientSums
  func batchNormBackwardApply(
    _ dy: Tensor, x: Tensor, statistics: BatchStatistics, sums: BatchGradientSums, scale: Tensor,
    shift: Tensor, relu: Bool
  ) throws(ScrlError) -> Tensor

  // y = max(a + b, 0); the gradient is the same for a and b: dy where y > 0.
  func addReLU(_ a: Tensor, _ b: Tensor) throws(ScrlError) -> Tensor
  func addReLUBackward(_ dy: Tensor, y: Tensor) throws(ScrlError) -> Tensor

  // Max pooling; `winners` holds, per output element, the input cell (h·W + w) it came from.
  func maxPool(
    _ x: Tensor, _ g: PoolGeometry
  ) throws(ScrlError) -> (y: Tensor, winners: PoolWinners)
  func maxPoolBackward(
    _ dy: Tensor, winners: PoolWinners, inputHeight: Int, inputWidth: Int
  ) throws(ScrlError) -> Tensor

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
  func roiAlign(
    _ x: Tensor, boxes: [RegionBox], _ options: RoIAlignOptions
  ) throws(ScrlError) -> Tensor
  func roiAlignBackward(
    _ dy: Tensor, boxes: [RegionBox], _ options: RoIAlignOptions, like shape: ActivationShape
  ) throws(ScrlError) -> Tensor
}
