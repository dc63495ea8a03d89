// What a checkpoint keeps of every step: a row of /metrics.

import ScrlBase

package struct Metrics: Equatable, Sendable {
  /// Rows that a checkpoint holds at most, the newest; metrics.jsonl holds all.
  package static let capacity = 10_000

  package private(set) var rows: [[Double]] = []

  package init(rows: [[Double]] = []) { self.rows = rows }

  package mutating func append(row: [Double]) {
    rows.append(row)
    if rows.count > Metrics.capacity { rows.removeFirst(rows.count - Metrics.capacity) }
  }
}
