// The matrix product of linear layers, by oneDNN.

import CDNN
import ScrlBase
import ScrlKernels
import ScrlTensor

extension OneDNNEngine {
  package func multiply(
    _ m: Int, _ n: Int, _ k: Int, _ a: Matrix, _ b: Matrix, beta: Float, into c: Tensor
  ) throws(ScrlError) {
    guard m > 0, n > 0 else { return }
    let status = cdnn_sgemm(
      Int32(workers.team), a.transposed ? 1 : 0, b.transposed ? 1 : 0, Int64(m), Int64(n), Int64(k),
      a.start, Int64(a.stride), b.start, Int64(b.stride), beta, c.pointer, Int64(n))
    guard status == 0 else {
      throw ScrlError(.internal, "onednn: sgemm of \(m)×\(n)×\(k) ended with status \(status)")
    }
  }
}
