// Deviation, effective rank and likeness beside their definitions and known matrices.

import Glibc
import ScrlBase
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlKernels

@Suite("Spread of rows")
struct SpreadTests {
  @Test(
    "singular values are those of a matrix that was built from them", arguments: [(6, 4), (4, 6)])
  func singular(shape: (Int, Int)) throws {
    let (rows, columns) = shape
    // Two reflections, of rows and columns, are orthogonal: A = (I − 2uuᵀ)·D·(I − 2vvᵀ).
    func reflection(_ n: Int, _ i: Int, _ j: Int) -> Double { (i == j ? 1 : 0) - 2 / Double(n) }
    let values = [3.0, 2, 0.5, 0.25]
    var matrix = [Float](repeating: 0, count: rows * columns)
    for i in 0..<rows {
      for j in 0..<columns {
        var sum = 0.0
        for (k, value) in values.enumerated() {
          sum += reflection(rows, i, k) * value * reflection(columns, k, j)
        }
        matrix[i * columns + j] = Float(sum)
      }
    }
    let got = try singularValues(try Tensor(matrix, shape: [rows, columns]))
    // Entries below 3 in float32, 24 of them: √24·3·2⁻²⁵ ≈ 4e-7.
    expectClose(got.map(Float.init), values, absolute: 1e-6)
    let sum = values.reduce(0, +)
    let entropy = values.reduce(0) { $0 - $1 / sum * log($1 / sum) }
    let rank = try effectiveRank(try Tensor(matrix, shape: [rows, columns]))
    #expect((rank - exp(entropy)).magnitude < 1e-5)
  }

  @Test("the rank of n orthogonal rows is n, of one direction 1, of nothing 0")
  func ranks() throws {
    var identity = [Float](repeating: 0, count: 64)
    for i in 0..<8 { identity[9 * i] = 3 }
    #expect((try effectiveRank(try Tensor(identity, shape: [8, 8])) - 8).magnitude < 1e-12)
    let half = try effectiveRank(try Tensor(identity, shape: [8, 8]), most: 4)
    #expect((half - 4).magnitude < 1e-12)
    let line = (0..<40).map { Float($0 / 5 + 1) * Float($0 % 5) }
    #expect((try effectiveRank(try Tensor(line, shape: [8, 5])) - 1).magnitude < 1e-6)
    #expect(try effectiveRank(try Tensor(zeros: [8, 5])) == 0)
  }

  @Test("rows that are not finite are refused", arguments: [Float.nan, .infinity])
  func notFinite(value: Float) throws {
    let rows = try Tensor([1, 2, value, 4], shape: [2, 2])
    #expect(throws: ScrlError.self) { _ = try effectiveRank(rows) }
  }

  @Test("deviation and cosines are those of their definitions")
  func definitions() throws {
    let (count, width) = (24, 7)
    let values = numbers(count * width, tag: 5).map { $0 + 0.3 }
    let unit = try unitRows(try Tensor(values, shape: [count, width]), Workers(2))
    let rows = (0..<count).map { row in
      let x = values[row * width..<(row + 1) * width].map(Double.init)
      let norm = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return x.map { $0 / norm }
    }
    expectClose(unit.array, rows.flatMap { $0 }, absolute: 1e-7)
    var sum = 0.0
    for c in 0..<width {
      let mean = rows.reduce(0) { $0 + $1[c] } / Double(count)
      sum += (rows.reduce(0) { $0 + ($1[c] - mean) * ($1[c] - mean) } / Double(count)).squareRoot()
    }
    // Float32 units: each of 168 numbers off by 2⁻²⁵.
    #expect((deviation(ofUnit: unit) - sum / Double(width).squareRoot()).magnitude < 1e-6)

    let groups = (0..<count).map { $0 % 12 / 3 }
    let likeness = Likeness(ofUnit: unit, groups: groups)
    func cosine(_ a: Int, _ b: Int) -> Double {
      zip(rows[a], rows[b]).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let positive = (0..<12).reduce(0) { $0 + cosine($1, $1 + 12) } / 12
    var (negative, pairs) = (0.0, 0.0)
    for a in 0..<count {
      for b in 0..<count where groups[a] != groups[b] {
        negative += cosine(a, b)
        pairs += 1
      }
    }
    #expect((likeness.positive - positive).magnitude < 1e-6)
    #expect((likeness.negative - negative / pairs).magnitude < 1e-6)
    #expect(Likeness(ofUnit: unit, groups: [Int](repeating: 3, count: count)).negative.isNaN)
  }

  @Test("rows that are all the same have no deviation, rows of 0 stay 0")
  func constants() throws {
    let same = try unitRows(
      try Tensor((0..<40).map { Float($0 % 4) }, shape: [10, 4]), Workers(1))
    #expect(deviation(ofUnit: same) < 1e-7)
    let zeros = try unitRows(try Tensor(zeros: [3, 4]), Workers(1))
    #expect(zeros.array.allSatisfy { $0 == 0 })
  }
}
