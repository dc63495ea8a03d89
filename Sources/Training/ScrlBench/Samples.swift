// Operands for kernels that are timed or compared.

import ScrlBase
import ScrlTensor

/// Pseudo-random numbers in ±1, which masks and maxima cannot guess.
func samples(
  _ shape: [Int], layout: Layout = .plain, seed: Int
) throws(ScrlError) -> Tensor {
  let x = try Tensor(uninitialized: shape, layout: layout)
  var state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
  for i in 0..<x.count {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    x.pointer[i] = Float(Int32(truncatingIfNeeded: state >> 32)) * 0x1p-31
  }
  return x
}

/// How many sets of operands exceed a 32 MiB cache three times. No more than 8: operands so small
/// that these fit a cache are a toy's.
func ringLength(elements: Int) -> Int { min(8, max(1, 25_000_000 / elements)) }
