// The inner loops of the resize: weighted sums of bytes in whole numbers, rounded and clipped.

/// Bytes summed side by side: 16 pixels, six AVX2 registers of sums.
let blockBytes = 48

private let half = Int32(1) << (ResampleAxis.precisionBits - 1)

/// target[i] = Σ weight[t]·source[t·stride + i] for 48 bytes i.
@inline(__always)
func sumBlock(
  _ source: UnsafePointer<UInt8>, stride: Int, _ weight: UnsafePointer<Int32>, taps: Int,
  into target: UnsafeMutablePointer<UInt8>
) {
  var a = SIMD16<Int32>(repeating: half)
  var b = a
  var c = a
  var bytes = UnsafeRawPointer(source)
  for tap in 0..<taps {
    let factor = weight[tap]
    a &+= widened(bytes, 0) &* factor
    b &+= widened(bytes, 16) &* factor
    c &+= widened(bytes, 32) &* factor
    bytes += stride
  }
  let place = UnsafeMutableRawPointer(target)
  place.storeBytes(of: narrowed(a), as: SIMD16<UInt8>.self)
  place.storeBytes(of: narrowed(b), toByteOffset: 16, as: SIMD16<UInt8>.self)
  place.storeBytes(of: narrowed(c), toByteOffset: 32, as: SIMD16<UInt8>.self)
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

@inline(__always)
private func widened(_ bytes: UnsafeRawPointer, _ offset: Int) -> SIMD16<Int32> {
  SIMD16(truncatingIfNeeded: bytes.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self))
}

@inline(__always)
private func narrowed(_ sum: SIMD16<Int32>) -> SIMD16<UInt8> {
  let value = sum &>> ResampleAxis.precisionBits
  return SIMD16(
    truncatingIfNeeded: value.clamped(lowerBound: .zero, upperBound: SIMD16(repeating: 255)))
}
