// The fast engine: oneDNN's convolutions on blocks of 16 (AVX-512) or 8 (AVX2) channels, its GEMM
// for linear layers. What it has no kernel for it takes from the reference, through NHWC; the rest
// from the shared kernels (`extension Engine`), which then run on oneDNN's threads.

import CDNN
import ScrlBase
import ScrlKernels
import ScrlTensor

/// Of convolutions' operands; products are summed in float32, and everything else is float32.
package enum Precision: Sendable {
  case float32
  case bfloat16  // no Winograd: it would cost what rounding the operands gains
}

package struct OneDNNEngine: Engine {
  package let workers: Workers
  package var name: String {
    if precision == .bfloat16 { return "bfloat16" }
    return winograd == .always ? "winograd" : "onednn"
  }
  package var operandRounding: Double { precision == .bfloat16 ? 0x1p-9 : 0x1p-24 }
  let block: Int  // b: 16 or 8
  let reference: OpenBLASEngine
  let winograd: WinogradUse
  let precision: Precision
  let choices = ConvolutionChoices()  // shared by copies

  /// - Throws: `.unsupported` with the reason when oneDNN (or the reference) cannot be used.
  package init(
    workers: Workers, winograd: WinogradUse, precision: Precision = .float32
  ) throws(ScrlError) {
    try OneDNNEngine.check()
    guard precision == .float32 || OneDNNEngine.hasBFloat16 else {
      throw ScrlError(
        .unsupported,
        "onednn: bfloat16 on a CPU without AVX512_BF16 · expected compute.precision=float32")
    }
    self.workers = workers
    self.winograd = precision == .float32 ? winograd : .never
    self.precision = precision
    block = Int(cdnn_channel_block())
    reference = try OpenBLASEngine(workers: workers)
    guard let region = cdnn_region() else {
      throw ScrlError(.unsupported, "onednn: no parallel region to share")
    }
    Workers.shareThreads(region)
  }

  /// Whether this CPU multiplies bfloat16.
  package static var hasBFloat16: Bool { (try? check()) != nil && cdnn_has_bfloat16() == 1 }

  /// The library's version, "2.6.3". Nothing is started.
  /// - Throws: `.unsupported` with the reason when there is none to use.
  package static func version() throws(ScrlError) -> String {
    try check()
    return String(cString: cdnn_version())
  }

  private static func check() throws(ScrlError) {
    guard cdnn_open() == 1 else {
      throw ScrlError(.unsupported, "onednn: \(String(cString: cdnn_error()))")
    }
  }

  /// An RGB image stays plain (N,3,H,W); other odd counts are one block, as in the reference.
  package func channelBlock(for channels: Int) -> Int {
    if channels == 3 { return 1 }
    return channels % block == 0 ? block : channels
  }
}
