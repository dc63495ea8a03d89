// The only file that names concrete backends.

import CScrl
import ScrlBase
import ScrlKernels
import ScrlPretraining
import ScrlOneDNN

/// The engine of operations that belong to no config.
func makeEngine() throws(ScrlError) -> any Engine { try makeEngine(Config()) }

/// - Throws: `.unsupported` with the reason when the backend that is asked for cannot be used.
func makeEngine(_ config: Config) throws(ScrlError) -> any Engine {
  let workers = Workers(config.threads)
  let winograd: WinogradUse = config.winograd == .auto ? .whereFaster : .never
  let precision: ScrlOneDNN.Precision = config.precision == .bfloat16 ? .bfloat16 : .float32
  switch (config.backend, precision) {
  case (.openblas, .float32): return try OpenBLASEngine(workers: workers)
  case (.openblas, .bfloat16):
    throw ScrlError(
      .unsupported,
      "compute.precision: got bfloat16 with compute.backend openblas · expected float32")
  case (.onednn, _), (.auto, .bfloat16):
    return try OneDNNEngine(workers: workers, winograd: winograd, precision: precision)
  case (.auto, .float32):
    // In a forked child oneDNN may be out of use; the reference works there.
    if let engine = try? OneDNNEngine(workers: workers, winograd: winograd) { return engine }
    return try OpenBLASEngine(workers: workers)
  }
}

/// The other engine, to compare with; nil where only one can be used.
func makeOther(than engine: any Engine) -> (any Engine)? {
  engine is OpenBLASEngine
    ? try? OneDNNEngine(workers: engine.workers, winograd: .never)
    : try? OpenBLASEngine(workers: engine.workers)
}

/// The facts of scrl_build_info(), as JSON.
func buildInfo() -> String {
  let core = (try? OpenBLASEngine(workers: Workers(1)))?.core
  let dnn = try? OneDNNEngine.version()
  let backends = [core == nil ? nil : "\"openblas\"", dnn == nil ? nil : "\"onednn\""]
    .compactMap { $0 }.joined(separator: ", ")
  #if arch(x86_64)
    let architecture = "x86_64"
  #elseif arch(arm64)
    let architecture = "aarch64"
  #else
    let architecture = "other"
  #endif
  return "{\"version\": \"\(libraryVersion)\", \"abi\": \(SCRL_ABI), \"backends\": [\(backends)], "
    + "\"blas\": \"\(core == nil ? "missing" : "OpenBLAS")\", \"blas_core\": \"\(core ?? "")\", \"onednn\": \"\(dnn ?? "")\", "
    + "\"bfloat16\": \(OneDNNEngine.hasBFloat16), \"architecture\": \"\(architecture)\", \"simd\": \"\(instructionSet())\", "
    + "\"cpus\": \(Workers.available)}"
}
