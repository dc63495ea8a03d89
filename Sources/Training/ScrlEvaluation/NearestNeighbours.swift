// The rows of a bank that lie closest to a query by cosine, found by matrix products of a block of
// queries with a block of the bank: memory does not grow with either.
// Letters: M queries, N rows of the bank, F features, k neighbours.

import Glibc
import ScrlBase
import ScrlKernels
import ScrlTensor

struct Neighbour: Equatable {
  let row: Int  // of the bank
  let similarity: Float

  /// The more alike first; of equals the earlier row.
  func isCloser(than other: Neighbour) -> Bool {
    similarity > other.similarity || similarity == other.similarity && row < other.row
  }
}

/// A bounded heap of the closest rows seen so far, the farthest at the top.
struct ClosestRows {
  private let capacity: Int
  private var heap: [Neighbour] = []

  init(capacity: Int) {
    self.capacity = capacity
    heap.reserveCapacity(capacity)
  }

  /// The closest first.
  var sorted: [Neighbour] { heap.sorted { $0.isCloser(than: $1) } }

  mutating func offer(_ new: Neighbour) {
    if heap.count < capacity {
      heap.append(new)
      var place = heap.count - 1
      while place > 0, heap[(place - 1) / 2].isCloser(than: heap[place]) {
        heap.swapAt(place, (place - 1) / 2)
        place = (place - 1) / 2
      }
    } else if let top = heap.first, new.isCloser(than: top) {
      heap[0] = new
      sink()
    }
  }

  private mutating func sink() {
    var place = 0
    while 2 * place + 1 < heap.count {
      var child = 2 * place + 1
      if child + 1 < heap.count, heap[child].isCloser(than: heap[child + 1]) { child += 1 }
      guard heap[place].isCloser(than: heap[child]) else { return }
      heap.swapAt(place, child)
      place = child
    }
  }
}

struct NeighbourSearch {
  static let queryBlock = 128
  static let bankBlock = 4096

  let bank: Tensor  // (N,F) unit rows
  let engine: any Engine

  /// Calls body with each block of queries and the k closest rows of each, closest first.
  /// - Parameter queries: unit rows (M,F).
  func forEachBlock(
    of queries: Tensor, k: Int, _ body: (Range<Int>, [[Neighbour]]) throws(ScrlError) -> Void
  ) throws(ScrlError) {
    for range in batches(of: queries.shape[0], NeighbourSearch.queryBlock) {
      try body(range, try closest(to: queries.images(range), k: k))
    }
  }

  private func closest(to queries: Tensor, k: Int) throws(ScrlError) -> [[Neighbour]] {
    let count = queries.shape[0]
    var found = [ClosestRows](repeating: ClosestRows(capacity: k), count: count)
    for block in batches(of: bank.shape[0], NeighbourSearch.bankBlock) {
      let products = try engine.linear(queries, weight: bank.images(block), bias: nil)
      found.withUnsafeMutableBufferPointer { found in
        nonisolated(unsafe) let found = found
        engine.workers.ranges(count, grain: 8) { rows in
          for query in rows {
            let row = products.pointer + query * block.count
            for place in 0..<block.count {
              found[query].offer(
                Neighbour(row: block.lowerBound + place, similarity: row[place]))
            }
          }
        }
      }
    }
    return found.map(\.sorted)
  }
}

/// Neighbours vote for their class with exp(similarity / T) (Wu et al. 2018, section 3.4).
struct NeighbourVote {
  let labels: [Int]  // (N) of the bank
  let temperature: Double  // T

  /// Whether the query's class has the most votes, and one of the five most. Of equal votes the
  /// earlier class counts as more; a class without a vote is never hit, nor is −1.
  func hits(_ neighbours: [Neighbour], label: Int) -> Hits {
    guard label >= 0 else { return Hits() }
    var votes: [Int: Double] = [:]
    for each in neighbours {
      // Less the largest that there can be: all votes by one factor, and none is infinite.
      votes[labels[each.row], default: 0] += exp((Double(each.similarity) - 1) / temperature)
    }
    guard let own = votes[label], own > 0 else { return Hits() }
    let ahead = votes.count { $0.value > own || $0.value == own && $0.key < label }
    return Hits(first: ahead == 0 ? 1 : 0, five: ahead < 5 ? 1 : 0)
  }
}
