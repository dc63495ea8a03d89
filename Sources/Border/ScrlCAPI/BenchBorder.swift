// scrl_bench_*

import CScrl
import ScrlBase
import ScrlBench
import ScrlKernels

@c @implementation
public func scrl_bench_flops(
  _ config: OpaquePointer?, _ image: UnsafeMutablePointer<Double>?,
  _ step: UnsafeMutablePointer<Double>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let chosen = try checkedConfig(config)
    let network = try Network(chosen)
    let (forward, whole) = (try network.forwardFlops(), try network.stepFlops(chosen))
    image?.pointee = forward
    step?.pointee = whole
  }
}

@c @implementation
public func scrl_bench_gemm(
  _ config: OpaquePointer?, _ flops_per_second: UnsafeMutablePointer<Double>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(flops_per_second, "bench_gemm")
    let engine = try makeEngine(try checkedConfig(config))
    var peak = try GemmPeak([engine] + (makeOther(than: engine).map { [$0] } ?? []))
    for _ in 0..<5 { try peak.measure() }
    out.pointee = peak.speed
  }
}

@c @implementation
public func scrl_bench_kernels(
  _ config: OpaquePointer?, _ repeats: Int32, _ callback: scrl_kernel_fn?,
  _ user: UnsafeMutableRawPointer?
) -> scrl_status {
  border { () throws(ScrlError) in
    guard let callback else { throw ScrlError(.argument, "bench_kernels: callback is NULL") }
    guard (0...1000).contains(repeats) else {
      throw ScrlError(.argument, "bench_kernels: got \(repeats) repeats · expected 0 … 1000")
    }
    let chosen = try checkedConfig(config)
    let engine = try makeEngine(chosen)
    try benchKernels(
      chosen, engine, other: makeOther(than: engine), repeats: repeats == 0 ? 5 : Int(repeats)
    ) { measured throws(ScrlError) in
      guard tell(measured, callback, user) == 0 else {
        throw ScrlError(.cancelled, "bench_kernels: stopped by the host after \(measured.kernel)")
      }
    }
  }
}

/// What the callback answers.
private func tell(
  _ measured: Measurement, _ callback: scrl_kernel_fn, _ user: UnsafeMutableRawPointer?
) -> Int32 {
  var report = scrl_kernel_report()
  report.struct_size = UInt32(MemoryLayout<scrl_kernel_report>.size)
  report.uses = UInt64(measured.uses)
  report.seconds = measured.seconds
  switch measured.work {
  case .flops(let flops): report.flops = flops
  case .bytes(let bytes): report.bytes = bytes
  }
  report.share = measured.share
  report.checked = measured.isChecked ? 1 : 0
  return measured.kernel.withCString { kernel in
    measured.shape.withCString { shape in
      report.kernel = kernel
      report.shape = shape
      return callback(&report, user)
    }
  }
}
