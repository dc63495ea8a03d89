// The order of samples in an epoch: a bijection of 0..<count computed one element at a time, so
// that resuming needs no list and no replay. A Feistel network permutes the next power of four;
// cycle walking (Black & Rogaway 2002) brings it back to the count.

package struct Permutation {
  package let count: Int
  private let halfBits: UInt32
  private let key: SIMD2<UInt32>
  private let epoch: UInt32

  package init(count: Int, seed: UInt64, epoch: Int) {
    self.count = count
    var bits: UInt32 = 1
    while bits < 31, (1 << (2 * Int(bits))) < count { bits += 1 }
    halfBits = bits
    key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    self.epoch = UInt32(truncatingIfNeeded: epoch)
  }

  /// The sample at this position; position in 0..<count.
  package subscript(position: Int) -> Int {
    var value = UInt64(position)
    repeat { value = encrypt(value) } while value >= UInt64(count)
    return Int(value)
  }

  private func encrypt(_ value: UInt64) -> UInt64 {
    let mask = UInt32(truncatingIfNeeded: (UInt64(1) << halfBits) - 1)
    var left = UInt32(truncatingIfNeeded: value >> halfBits) & mask
    var right = UInt32(truncatingIfNeeded: value) & mask
    for round in 0..<UInt32(6) {
      let use = RandomStream.Use.shuffle.rawValue
      let noise = philox(SIMD4(right, use | round << 8, 0, epoch), key).x
      (left, right) = (right, left ^ (noise & mask))
    }
    return UInt64(left) << halfBits | UInt64(right)
  }
}
