// The reference engine: GEMM from OpenBLAS, activations NHWC (one block of C channels), weights
// (O,h,w,I). What needs no GEMM it takes from the shared kernels (`extension Engine`).

import COpenBLAS
import ScrlBase
import ScrlTensor

package struct OpenBLASEngine: Engine {
  package let workers: Workers
  package var name: String { "openblas" }

  /// The kernel set in use: "SkylakeX", "Haswell", …
  package var core: String { String(cString: copenblas_core()) }

  /// - Throws: `.unsupported` when OpenBLAS cannot be opened.
  package init(workers: Workers) throws(ScrlError) {
    guard copenblas_open() == 1 else {
      throw ScrlError(.unsupported, "openblas: \(String(cString: copenblas_error()))")
    }
    self.workers = workers
  }

  package func channelBlock(for channels: Int) -> Int { channels }
}
