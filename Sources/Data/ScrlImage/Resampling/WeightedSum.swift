// The inner loops of the resize: weighted sums of bytes in whole numbers, rounded and clipped.
// Only SIMD operations that compile to single instructions: the generic conversions and minima of
// the standard library become calls.

/// Bytes summed side by side: eight lanes of four bytes.
let blockBytes = 32

private typealias Lanes = SIMD8<Int32>
private let half = Int32(1) << (ResampleAxis.precisionBits - 1)

/// target[i] = Σ weight[t]·source[t·stride + i] for 32 bytes i. Each of the four sums takes one
/// byte of every lane, so widening and narrowing are shifts.
@inline(__always)
func sumBlock(
  _ source: UnsafePointer<UInt8>, stride: Int, _ weight: UnsafePointer<Int32>, taps: Int,
  into target: UnsafeMutablePointer<UInt8>
) {
  var a = Lanes(repeating: half)
  var (b, c, d) = (a, a, a)
  let low = Lanes(repeating: 255)
  var bytes = UnsafeRawPointer(source)
  for tap in 0..<taps {
    let factor = Lanes(repeating: weight[tap])
    let lanes = bytes.loadUnaligned(as: Lanes.self)
    a &+= (lanes & low) &* factor
    b &+= ((lanes &>> Lanes(repeating: 8)) & low) &* factor
    c &+= ((lanes &>> Lanes(repeating: 16)) & low) &* factor
    d &+= ((lanes &>> Lanes(repeating: 24)) & low) &* factor
    bytes += stride
  }
  let upper = clipped(c) &<< Lanes(repeating: 16) | clipped(d) &<< Lanes(repeating: 24)
  let result = clipped(a) | clipped(b) &<< Lanes(repeating: 8) | upper
  UnsafeMutableRawPointer(target).storeBytes(of: result, as: Lanes.self)
}

/// One byte of the same.
@inline(__always)
func sumByte(
  _ source: UnsafePointer<UInt8>, stride: Int, _ weight: UnsafePointer<Int32>, taps: Int
) -> UInt8 {
  var sum = half
  for tap in 0..<taps { sum &+= Int32(source[tap &* stride]) &* weight[tap] }
  return UInt8(truncatingIfNeeded: min(max(sum &>> ResampleAxis.precisionBits, 0), 255))
}

/// The whole part within 0...255. A sign shifted through all bits is a mask.
@inline(__always)
private func clipped(_ sum: Lanes) -> Lanes {
  let sign = Lanes(repeating: 31)
  let low = Lanes(repeating: 255)
  let whole = sum &>> Lanes(repeating: ResampleAxis.precisionBits)
  let positive = whole & ~(whole &>> sign)
  return (positive | ((low &- positive) &>> sign)) & low
}
