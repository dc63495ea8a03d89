// Row-major single-precision matrix product, cut over our workers.
// Letters: C (M×N) ← alpha·op(A) (M×K) · op(B) (K×N) + beta·C.
// Not here: shape checks. Callers have checked their tensors.

import COpenBLAS
import ScrlBase
import ScrlTensor

/// Where a row-major matrix lies, and whether it is read transposed.
package struct Matrix {
  package let start: UnsafePointer<Float>
  package let stride: Int  // elements from one stored row to the next
  package var transposed = false
}

extension OpenBLASEngine {
  package func multiply(
    _ m: Int, _ n: Int, _ k: Int, _ a: Matrix, _ b: Matrix, beta: Float, into c: Tensor
  ) {
    gemm(m, n, k, a, b, beta: beta, into: c.pointer, stride: n, workers)
  }
}

/// One product on the calling thread.
func gemmAlone(
  _ m: Int, _ n: Int, _ k: Int, _ a: Matrix, _ b: Matrix, beta: Float,
  into c: UnsafeMutablePointer<Float>, stride: Int
) {
  guard m > 0, n > 0 else { return }
  copenblas_sgemm(
    a.transposed ? 1 : 0, b.transposed ? 1 : 0, Int32(clamping: m), Int32(clamping: n),
    Int32(clamping: k), 1, a.start, Int32(clamping: a.stride), b.start, Int32(clamping: b.stride),
    beta, c, Int32(clamping: stride))
}

/// One product cut along its longer side, so that no two workers write one element and no sum
/// changes its order.
func gemm(
  _ m: Int, _ n: Int, _ k: Int, _ a: Matrix, _ b: Matrix, beta: Float,
  into c: UnsafeMutablePointer<Float>, stride: Int, _ workers: Workers
) {
  let rows = m >= n
  let grain = pieceLength(rows ? m : n, workers, depth: k, other: rows ? n : m)
  workers.ranges(rows ? m : n, grain: grain) { piece in
    if rows {
      let start = a.start + piece.lowerBound * (a.transposed ? 1 : a.stride)
      gemmAlone(
        piece.count, n, k, Matrix(start: start, stride: a.stride, transposed: a.transposed), b,
        beta: beta, into: c + piece.lowerBound * stride, stride: stride)
    } else {
      let start = b.start + piece.lowerBound * (b.transposed ? b.stride : 1)
      gemmAlone(
        m, piece.count, k, a, Matrix(start: start, stride: b.stride, transposed: b.transposed),
        beta: beta, into: c + piece.lowerBound, stride: stride)
    }
  }
}

/// A multiple of 16, at least one piece for each worker. A shallow product rereads its result for
/// little arithmetic: its pieces (256 K floats) stay in a core's L2.
private func pieceLength(_ length: Int, _ workers: Workers, depth: Int, other: Int) -> Int {
  let share = (length + workers.count - 1) / workers.count
  let most = depth <= 256 ? max(128, 262_144 / (depth + other)) : 4096
  return max(16, (min(share, most) + 15) & ~15)
}
