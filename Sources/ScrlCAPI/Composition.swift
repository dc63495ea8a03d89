// The only file that names concrete backends.

import CScrl
import ScrlBase
import ScrlKernels
import ScrlMethod

func makeEngine(threads: Int) throws(ScrlError) -> any Engine {
  try OpenBLASEngine(workers: Workers(threads))
}

/// The facts of scrl_build_info(), as JSON.
func buildInfo() -> String {
  let core = (try? OpenBLASEngine(workers: Workers(1)))?.core
  #if arch(x86_64)
    let architecture = "x86_64"
  #elseif arch(arm64)
    let architecture = "aarch64"
  #else
    let architecture = "other"
  #endif
  return "{\"version\": \"\(libraryVersion)\", \"abi\": \(SCRL_ABI), \"backends\": [\"openblas\"], "
    + "\"blas\": \"\(core == nil ? "missing" : "OpenBLAS")\", \"blas_core\": \"\(core ?? "")\", "
    + "\"architecture\": \"\(architecture)\", \"simd\": \"\(instructionSet())\", "
    + "\"cpus\": \(Workers.available)}"
}
