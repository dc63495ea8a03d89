// The random numbers: the published generator, addressed streams, honest ranges.

import ScrlBase
import Testing

@Suite("Random streams")
struct RandomTests {
  // Random123's kat_vectors, philox4x32-10.
  @Test("Philox4x32-10 gives the published answers")
  func knownAnswers() {
    let ones = UInt32.max
    #expect(
      philox(SIMD4(repeating: 0), SIMD2(repeating: 0))
        == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    #expect(
      philox(SIMD4(repeating: ones), SIMD2(repeating: ones))
        == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    #expect(
      philox(
        SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
        SIMD2(0xa409_3822, 0x299f_31d0))
        == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  @Test("The same address gives the same numbers, whatever was drawn elsewhere in between")
  func sameAddress() {
    var first = RandomStream(seed: 9, epoch: 4, sample: 70, use: .viewOne)
    var other = RandomStream(seed: 9, epoch: 4, sample: 71, use: .viewOne)
    let alone = (0..<50).map { _ in first.next32() }
    var again = RandomStream(seed: 9, epoch: 4, sample: 70, use: .viewOne)
    let interleaved = (0..<50).map { _ in
      _ = other.next32()
      return again.next32()
    }
    #expect(alone == interleaved)
  }

  // 8 numbers of 32 bits: two streams agree by chance once in 2^256.
  @Test("Each part of an address matters")
  func eachPartMatters() {
    var starts = Set<[UInt32]>()
    var count = 0
    for seed in [0, 1, 1 << 32, .max] as [UInt64] {
      for epoch in [0, 1, 1000] {
        for sample in [0, 1, 1 << 32, 1 << 33] {
          for use in [RandomStream.Use.shuffle, .viewOne, .viewTwo, .boxes, .weights] {
            var stream = RandomStream(seed: seed, epoch: epoch, sample: sample, use: use)
            starts.insert((0..<8).map { _ in stream.next32() })
            count += 1
          }
        }
      }
    }
    #expect(starts.count == count)
  }

  // The mean of n uniforms has deviation 1/√(12n) = 9.1e-4 here; 5 deviations fail once in 10^6,
  // and the stream is fixed, so never twice.
  @Test("uniform() lies in [0, 1) with mean one half")
  func uniformMean() {
    var stream = RandomStream(seed: 3, use: .test)
    let values = (0..<100_000).map { _ in stream.uniform() }
    #expect(values.allSatisfy { $0 >= 0 && $0 < 1 })
    let mean = values.reduce(0, +) / Double(values.count)
    #expect(abs(mean - 0.5) < 5 / (12 * Double(values.count)).squareRoot())
  }

  @Test("Many uniforms at once are those drawn one by one", arguments: [0, 1, 7, 8, 9, 64, 509])
  func filling(count: Int) {
    for drawn in 0..<5 {
      var (single, filling) = (
        RandomStream(seed: 6 << 32 | 5, epoch: 3, sample: 1 << 33 | 2, use: .test),
        RandomStream(seed: 6 << 32 | 5, epoch: 3, sample: 1 << 33 | 2, use: .test)
      )
      for _ in 0..<drawn { #expect(single.next32() == filling.next32()) }
      var values = [Double](repeating: -1, count: count)
      values.withUnsafeMutableBufferPointer { filling.fill($0) }
      #expect(values == (0..<count).map { _ in single.uniform() })
      #expect(single.next32() == filling.next32())
    }
  }

  @Test("uniform(in:) stays in its range, an empty one included")
  func uniformRange() {
    var stream = RandomStream(seed: 4, use: .test)
    for _ in 0..<10_000 {
      let value = stream.uniform(in: -3...0.5)
      #expect(value >= -3 && value <= 0.5)
    }
    #expect(stream.uniform(in: 2...2) == 2)
  }

  // Chi-square with k−1 degrees of freedom has mean k−1 and variance 2(k−1); above the mean by
  // 6 deviations it comes less than once in 10^5 for these k, and the stream is fixed.
  @Test("integer(in:) favours no value", arguments: [2, 3, 5, 7, 10, 64, 100])
  func integerIsUnbiased(width: Int) {
    var stream = RandomStream(seed: 5, sample: width, use: .test)
    let draws = 2000 * width
    var counts = [Int](repeating: 0, count: width)
    for _ in 0..<draws { counts[stream.integer(in: -4..<width - 4) + 4] += 1 }
    let expected = Double(draws) / Double(width)
    let chiSquare = counts.reduce(0.0) { sum, count in
      sum + (Double(count) - expected) * (Double(count) - expected) / expected
    }
    let freedom = Double(width - 1)
    #expect(chiSquare < freedom + 6 * (2 * freedom).squareRoot())
  }

  // A width of 3·2^30: without rejection the lower two thirds would come in the ratio 2 : 1 : 1.
  // 30,000 draws: a third has deviation √(2/9/30000) = 0.27 %; the bias would be 17 %.
  @Test("integer(in:) rejects what does not divide evenly")
  func integerOfAwkwardWidth() {
    var stream = RandomStream(seed: 6, use: .test)
    let third = 1 << 30
    var counts = [0, 0, 0]
    for _ in 0..<30_000 { counts[stream.integer(in: 0..<3 * third) / third] += 1 }
    for count in counts { #expect(abs(Double(count) / 30_000 - 1.0 / 3) < 6 * 0.0027) }
  }

  @Test("chance(0) never comes, chance(1) always")
  func certainChances() {
    var stream = RandomStream(seed: 7, use: .test)
    let never = (0..<1000).map { _ in stream.chance(0) }
    let always = (0..<1000).map { _ in stream.chance(1) }
    #expect(never.allSatisfy { !$0 } && always.allSatisfy { $0 })
  }
}
