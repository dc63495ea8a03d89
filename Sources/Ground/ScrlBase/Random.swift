// Randomness is a value with an address: (seed, epoch, sample, use) names a stream, and the same
// address gives the same numbers on any thread, in any order, after any resume.
// Source: Philox4x32-10, Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011).

package struct RandomStream {
  /// What a stream is drawn for. The raw values are part of every run's identity: never renumber.
  package enum Use: UInt32, Sendable {
    case shuffle = 0
    case viewOne = 1
    case viewTwo = 2
    case boxes = 3
    case weights = 4
    case test = 5
    case targetWeights = 6
    case anchors = 10  // which of a detector's anchors its losses look at
    case regions = 11  // and which of its proposals
    case detectorImage = 12  // size and mirroring of its training images
  }

  private let key: SIMD2<UInt32>
  private var counter: SIMD4<UInt32>  // (block, use, sample, epoch)
  private var block = SIMD4<UInt32>()
  private var used = 4

  package init(seed: UInt64, epoch: Int = 0, sample: Int = 0, use: Use) {
    key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    let high = UInt32(truncatingIfNeeded: UInt64(bitPattern: Int64(sample)) >> 32)
    counter = SIMD4(
      0, use.rawValue | high << 8,
      UInt32(truncatingIfNeeded: sample), UInt32(truncatingIfNeeded: epoch))
  }

  package mutating func next32() -> UInt32 {
    if used == 4 {
      block = philox(counter, key)
      counter.x &+= 1
      used = 0
    }
    defer { used += 1 }
    return block[used]
  }

  /// Uniform in [0, 1), 53 bits.
  package mutating func uniform() -> Double {
    let high = UInt64(next32() >> 5)
    let low = UInt64(next32() >> 6)
    return Double(high << 26 | low) * 0x1p-53
  }

  /// What as many calls of `uniform` would give, four blocks at a time.
  package mutating func fill(_ values: UnsafeMutableBufferPointer<Double>) {
    var i = 0
    while used == 4, i + 8 <= values.count {
      let four = fourBlocks(counter, key)
      counter.x &+= 4
      let first = ((four.x &>> 5) &<< 26) | (four.y &>> 6)
      let second = ((four.z &>> 5) &<< 26) | (four.w &>> 6)
      for lane in 0..<4 {
        values[i + 2 * lane] = Double(first[lane]) * 0x1p-53
        values[i + 2 * lane + 1] = Double(second[lane]) * 0x1p-53
      }
      i += 8
    }
    while i < values.count {
      values[i] = uniform()
      i += 1
    }
  }

  /// Uniform in [range.lowerBound, range.upperBound).
  package mutating func uniform(in range: ClosedRange<Double>) -> Double {
    range.lowerBound + (range.upperBound - range.lowerBound) * uniform()
  }

  /// Uniform integer in the range, without bias (Lemire's rejection). The range is not empty.
  package mutating func integer(in range: Range<Int>) -> Int {
    let width = UInt32(range.count)
    var product = UInt64(next32()) * UInt64(width)
    if UInt32(truncatingIfNeeded: product) < width {
      let threshold = (0 &- width) % width
      while UInt32(truncatingIfNeeded: product) < threshold {
        product = UInt64(next32()) * UInt64(width)
      }
    }
    return range.lowerBound + Int(product >> 32)
  }

  package mutating func chance(_ probability: Double) -> Bool { uniform() < probability }
}

/// One Philox4x32-10 block.
package func philox(_ counter: SIMD4<UInt32>, _ key: SIMD2<UInt32>) -> SIMD4<UInt32> {
  var c = counter
  var k = key
  for _ in 0..<10 {
    let p0 = UInt64(0xD251_1F53) * UInt64(c.x)
    let p1 = UInt64(0xCD9E_8D57) * UInt64(c.z)
    c = SIMD4(
      UInt32(truncatingIfNeeded: p1 >> 32) ^ c.y ^ k.x, UInt32(truncatingIfNeeded: p1),
      UInt32(truncatingIfNeeded: p0 >> 32) ^ c.w ^ k.y, UInt32(truncatingIfNeeded: p0))
    k = k &+ SIMD2(0x9E37_79B9, 0xBB67_AE85)
  }
  return c
}

/// The words of the blocks at `counter` and the three after it, 32 bits each, block by lane.
private func fourBlocks(
  _ counter: SIMD4<UInt32>, _ key: SIMD2<UInt32>
) -> (x: SIMD4<UInt64>, y: SIMD4<UInt64>, z: SIMD4<UInt64>, w: SIMD4<UInt64>) {
  typealias Lanes = SIMD4<UInt64>
  let word = Lanes(repeating: 0xFFFF_FFFF)
  var x = Lanes(truncatingIfNeeded: SIMD4(repeating: counter.x) &+ SIMD4(0, 1, 2, 3))
  var y = Lanes(repeating: UInt64(counter.y))
  var z = Lanes(repeating: UInt64(counter.z))
  var w = Lanes(repeating: UInt64(counter.w))
  var k = key
  for _ in 0..<10 {
    let p0 = x &* Lanes(repeating: 0xD251_1F53)
    let p1 = z &* Lanes(repeating: 0xCD9E_8D57)
    x = (p1 &>> 32) ^ y ^ Lanes(repeating: UInt64(k.x))
    z = (p0 &>> 32) ^ w ^ Lanes(repeating: UInt64(k.y))
    (y, w) = (p1 & word, p0 & word)
    k = k &+ SIMD2(0x9E37_79B9, 0xBB67_AE85)
  }
  return (x, y, z, w)
}
