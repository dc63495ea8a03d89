// Neighbours beside a full sort, votes and rankings beside their definitions.

import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlEvaluation

/// Cosines in float64.
private func cosines(_ a: [Float], _ b: [Float], width: Int) -> [[Double]] {
  func units(_ values: [Float]) -> [[Double]] {
    stride(from: 0, to: values.count, by: width).map { start in
      let row = values[start..<start + width].map(Double.init)
      let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return row.map { $0 / max(norm, 1e-12) }
    }
  }
  let others = units(b)
  return units(a).map { x in others.map { y in zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } } }
}

@Suite("Neighbours")
struct NeighbourTests {
  @Test(
    "the closest rows are those of a full sort, over blocks of both sides",
    arguments: [1, 7, 64, 5000])
  func closest(k: Int) throws {
    let (width, bank, queries) = (5, 5000, 130)
    let (a, b) = (numbers(queries * width, tag: 1), numbers(bank * width, tag: 2))
    let near = cosines(a, b, width: width)
    let workers = Workers(2)
    let engine = try OpenBLASEngine(workers: workers)
    let search = NeighbourSearch(
      bank: try unitRows(try Tensor(b, shape: [bank, width]), workers), engine: engine)
    var seen = 0
    try search.forEachBlock(
      of: try unitRows(try Tensor(a, shape: [queries, width]), workers), k: k
    ) { range, found throws(ScrlError) in
      seen += range.count
      for (query, neighbours) in zip(range, found) {
        let sorted = near[query].sorted(by: >)
        #expect(neighbours.count == k && Set(neighbours.map(\.row)).count == k)
        for (place, each) in neighbours.enumerated() {
          // Float32 unit vectors and a sum of five products: 8·2⁻²⁴ = 5e-7.
          #expect((near[query][each.row] - sorted[place]).magnitude < 1e-6)
        }
      }
    }
    #expect(seen == queries)
  }

  @Test("of equals the earlier row is closer, whatever the order they come in")
  func ties() {
    let similarities: [Float] = [0.5, 0.9, 0.5, 0.9, 0.1, 0.5, 0.9]
    for order in [Array(similarities.indices), similarities.indices.reversed()] {
      var rows = ClosestRows(capacity: 5)
      for row in order { rows.offer(Neighbour(row: row, similarity: similarities[row])) }
      #expect(rows.sorted.map(\.row) == [1, 3, 6, 0, 2])
    }
  }

  @Test("votes weigh exp(s / T); no vote is no hit; of equal votes the earlier class is named")
  func votes() {
    let vote = NeighbourVote(labels: [0, 1, 1, 2, 2], temperature: 0.1)
    func neighbours(_ similarities: [Float]) -> [Neighbour] {
      similarities.enumerated().map { Neighbour(row: $0.offset, similarity: $0.element) }
    }
    // One of 0.8 against two of 0.7: e⁸ = 2981 and 2·e⁷ = 2193.
    let first = neighbours([0.8, 0.7, 0.7])
    #expect(vote.hits(first, label: 0) == Hits(first: 1, five: 1))
    #expect(vote.hits(first, label: 1) == Hits(first: 0, five: 1))
    #expect(vote.hits(first, label: 2) == Hits())
    #expect(vote.hits(first, label: -1) == Hits())
    // One of 0.8 against two of 0.74: 2·e⁷·⁴ = 3272.
    #expect(vote.hits(neighbours([0.8, 0.74, 0.74]), label: 1) == Hits(first: 1, five: 1))
    let equal = neighbours([-1, 0.5, 0.5, 0.5, 0.5])
    #expect(vote.hits(equal, label: 1).first == 1 && vote.hits(equal, label: 2).first == 0)
  }

  @Test("limits draw so many rows by the seed, and classes are those of what is left")
  func limits() throws {
    let labels = (0..<60).map { $0 % 5 }
    func rows(_ seed: UInt64) throws -> LabelledRows {
      try LabelledRows(train: labels, test: labels, seed: seed, limits: (12, 7), for: "t")
    }
    let drawn = try rows(1)
    #expect((drawn.train.count, drawn.test.count, drawn.unlabelled) == (12, 7, 0))
    #expect(drawn.classes == Set(drawn.train.map { labels[$0.index] }).count)
    #expect(try rows(1).train == drawn.train)
    #expect(try rows(2).train != drawn.train)
  }

  @Test("rankings are those of their definition, ties included")
  func retrieval() throws {
    let (count, width) = (90, 2)
    // Few directions: many equal similarities, whose order is that of the rows.
    let directions = (0..<count).map { Float(($0 * 7) % 8) }
    let values = directions.flatMap { [$0 < 4 ? Float(1) : -1, Float(Int($0) % 4)] }
    let labels = (0..<count).map { ($0 * 5) % 7 == 6 ? -1 : ($0 * 5) % 7 }
    let images = (0..<count).map { $0 / 4 }
    let report = try evaluateRetrieval(
      features: try Tensor(values, shape: [count, width]), labels: labels, images: images,
      engine: try testEngine()
    ) { _, _ in true }
    let unit = try unitRows(try Tensor(values, shape: [count, width]), Workers(1))
    let near = try testEngine().linear(unit, weight: unit, bias: nil)
    let known = labels.indices.filter { labels[$0] >= 0 }
    var sums = [0.0, 0, 0, 0, 0]
    for query in known {
      let ranked = known.filter { images[$0] != images[query] }.sorted {
        let (a, b) = (near.pointer[query * count + $0], near.pointer[query * count + $1])
        return a > b || a == b && $0 < $1
      }
      let hits = ranked.map { labels[$0] == labels[query] }
      for (place, depth) in [1, 5, 20].enumerated() {
        sums[place] += Double(hits.prefix(depth).count { $0 }) / Double(depth)
      }
      var (found, precision) = (0, 0.0)
      for (place, hit) in hits.enumerated() where hit {
        found += 1
        precision += Double(found) / Double(place + 1)
      }
      sums[3] += precision / Double(found)
      sums[4] += Double(found) / Double(hits.count)
    }
    let got = report.precision + [report.meanAveragePrecision, report.chance]
    for (a, b) in zip(got, sums) { #expect((a - b / Double(known.count)).magnitude < 1e-12) }
    #expect((report.boxes, report.leftOut) == (known.count, count - known.count))
  }
}
