// The order of samples in an epoch.

import ScrlBase
import Testing

@Suite("Permutation")
struct PermutationTests {
  @Test(
    "Every sample comes once",
    arguments: [1, 2, 3, 4, 5, 7, 15, 16, 17, 31, 64, 65, 97, 101, 255, 256, 257, 1009, 4096, 5000])
  func bijection(count: Int) {
    for seed in [0, 42, .max] as [UInt64] {
      let order = Permutation(count: count, seed: seed, epoch: 3)
      var seen = [Bool](repeating: false, count: count)
      for position in 0..<count {
        let sample = order[position]
        guard (0..<count).contains(sample) else {
          Issue.record("position \(position) of \(count) gives \(sample)")
          return
        }
        seen[sample] = true
      }
      #expect(seen.allSatisfy { $0 })
    }
  }

  // Two of 1000! orders agree in about one place on average; in 20 places never.
  @Test("Epochs and seeds order differently")
  func differs() {
    let count = 1000
    let first = Permutation(count: count, seed: 1, epoch: 0)
    let others = [
      Permutation(count: count, seed: 1, epoch: 1), Permutation(count: count, seed: 2, epoch: 0),
      Permutation(count: count, seed: 1 << 32 | 1, epoch: 0),
    ]
    for other in others {
      let agreements = (0..<count).filter { first[$0] == other[$0] }.count
      #expect(agreements < 20)
    }
    #expect((0..<count).contains { first[$0] != $0 })
  }

  // Over 600 epochs each of 6 orders is expected 100 times, deviation √(600·5/36) = 9.1; a Feistel
  // network of 6 rounds on 4 bits is not perfect, so this asks only that none is missing or rules.
  @Test("All six orders of three samples come")
  func smallOrders() {
    var counts: [[Int]: Int] = [:]
    for epoch in 0..<600 {
      let order = Permutation(count: 3, seed: 8, epoch: epoch)
      counts[(0..<3).map { order[$0] }, default: 0] += 1
    }
    #expect(counts.count == 6)
    #expect(counts.values.allSatisfy { $0 > 50 && $0 < 150 })
  }

  @Test("A large set needs no list")
  func large() {
    let order = Permutation(count: 1 << 31, seed: 1, epoch: 0)
    let picked = Set((0..<1000).map { order[$0 * 2_000_003] })
    #expect(picked.count == 1000)
    #expect(picked.allSatisfy { (0..<1 << 31).contains($0) })
  }
}
