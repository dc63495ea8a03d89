// The fully connected layer: y (N,O) = x (N,I) · weight (O,I)ᵀ + bias (O), by oneDNN's GEMM.

import CDNN
import ScrlBase
import ScrlKernels
import ScrlTensor

extension OneDNNEngine {
  package func linear(
    _ x: Tensor, weight: Tensor, bias: Tensor?
  ) throws(ScrlError) -> Tensor {
    let (rows, inputs, outputs) = try linearExtents("linear", x, weight, axis: 1)
    let y = try Tensor(uninitialized: [rows, outputs])
    if let bias {
      try expectCount("linear", "bias", bias, outputs)
      for row in 0..<rows {
        (y.pointer + row * outputs).update(from: bias.pointer, count: outputs)
      }
    }
    try gemm(
      rows, outputs, inputs, x.pointer, weight.pointer, transposeB: true,
      beta: bias == nil ? 0 : 1, into: y)
    return y
  }

  /// dx (N,I) = dy (N,O) · weight (O,I)
  package func linearBackwardInput(_ dy: Tensor, weight: Tensor) throws(ScrlError) -> Tensor {
    let (rows, outputs, inputs) = try linearExtents("linear_backward_input", dy, weight, axis: 0)
    let dx = try Tensor(uninitialized: [rows, inputs])
    try gemm(rows, inputs, outputs, dy.pointer, weight.pointer, beta: 0, into: dx)
    return dx
  }

  /// dWeight (O,I) += dyᵀ (O,N) · x (N,I); dBias (O) += Σ dy over the rows.
  package func linearBackwardParameters(
    _ dy: Tensor, x: Tensor, into dWeight: Tensor, _ dBias: Tensor?
  ) throws(ScrlError) {
    let operation = "linear_backward_parameters"
    let (rows, outputs, inputs) = try linearExtents(operation, dy, dWeight, axis: 0)
    guard x.shape == [rows, inputs] else {
      throw ScrlError(.shape, "\(operation): got x \(x.shape) · expected \([rows, inputs])")
    }
    if let dBias {
      try expectCount(operation, "dBias", dBias, outputs)
      addColumnSums(dy.pointer, rows, outputs, into: dBias.pointer)
    }
    try gemm(
      outputs, inputs, rows, dy.pointer, transposeA: true, x.pointer, beta: 1, into: dWeight)
  }

  /// c (M×N) ← op(a) (M×K) · op(b) (K×N) + beta·c, no gaps between rows.
  private func gemm(
    _ m: Int, _ n: Int, _ k: Int, _ a: UnsafePointer<Float>, transposeA: Bool = false,
    _ b: UnsafePointer<Float>, transposeB: Bool = false, beta: Float, into c: Tensor
  ) throws(ScrlError) {
    guard m > 0, n > 0 else { return }
    let status = cdnn_sgemm(
      Int32(workers.team), transposeA ? 1 : 0, transposeB ? 1 : 0, Int64(m), Int64(n), Int64(k), a,
      Int64(transposeA ? m : k), b, Int64(transposeB ? k : n), beta, c.pointer, Int64(n))
    guard status == 0 else {
      throw ScrlError(.internal, "onednn: sgemm of \(m)×\(n)×\(k) ended with status \(status)")
    }
  }
}
