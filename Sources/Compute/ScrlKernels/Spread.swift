// How far rows of features differ from each other: what tells a collapsed representation from a
// living one. All sums are of float64 and in the order of the rows.
// Letters: N rows, F features, σ singular values.

import COpenBLAS
import Glibc
import ScrlBase
import ScrlTensor

/// rows (N,F) → x / max(‖x‖, 1e-12), row by row.
package func unitRows(_ rows: Tensor, _ workers: Workers) throws(ScrlError) -> Tensor {
  let width = rows.shape[1]
  let unit = try Tensor(uninitialized: rows.shape)
  let (from, to) = (rows.pointer, unit.pointer)
  workers.ranges(rows.shape[0], grain: 64) { range in
    for row in range {
      let (x, y) = (from + row &* width, to + row &* width)
      var sum = 0.0
      for c in 0..<width { sum += Double(x[c]) * Double(x[c]) }
      let factor = 1 / max(sum.squareRoot(), 1e-12)
      for c in 0..<width { y[c] = Float(Double(x[c]) * factor) }
    }
  }
  return unit
}

/// √F times the mean, over the features, of the deviation of unit rows (N,F) over N: 1 when they
/// point everywhere alike, 0 when all are the same (Chen & He 2021, SimSiam, section 4.1).
package func deviation(ofUnit rows: Tensor) -> Double {
  let (count, width) = (rows.shape[0], rows.shape[1])
  guard count > 0, width > 0 else { return .nan }
  let from = rows.pointer
  var means = [Double](repeating: 0, count: width)
  var squares = means
  for row in 0..<count {
    for c in 0..<width { means[c] += Double(from[row &* width &+ c]) }
  }
  for c in 0..<width { means[c] /= Double(count) }
  for row in 0..<count {
    for c in 0..<width {
      let difference = Double(from[row &* width &+ c]) - means[c]
      squares[c] += difference * difference
    }
  }
  let sum = squares.reduce(0) { $0 + ($1 / Double(count)).squareRoot() }
  return sum / Double(width) * Double(width).squareRoot()
}

/// exp of the entropy of σ / Σσ (RankMe, Garrido et al. 2023, equation 1; their ε of 1e-7 only
/// guards the logarithm of 0). Of rows (N,F) as they are; 0 when all are 0.
/// - Parameter most: rows looked at, evenly spaced; nil: all.
package func effectiveRank(_ rows: Tensor, most: Int? = nil) throws(ScrlError) -> Double {
  let values = try singularValues(rows, most: most)
  let sum = values.reduce(0, +)
  guard sum > 0 else { return 0 }
  var entropy = 0.0
  for value in values where value > 0 { entropy -= value / sum * log(value / sum) }
  return exp(entropy)
}

/// σ of rows (N,F), the largest first.
package func singularValues(_ rows: Tensor, most: Int? = nil) throws(ScrlError) -> [Double] {
  guard copenblas_open() == 1 else {
    throw ScrlError(.unsupported, "singular_values: \(String(cString: copenblas_error()))")
  }
  let (count, width) = (rows.shape[0], rows.shape[1])
  let chosen = min(count, max(most ?? count, 1))
  guard chosen > 0, width > 0 else { return [] }
  guard chosen <= Int(Int32.max) / width else {
    throw ScrlError(
      .argument,
      "singular_values: got \(chosen) rows of \(width) features · expected at most 2³¹ − 1 numbers")
  }
  guard try squaredNorm(rows.buffer, Workers(1)).isFinite else {
    throw ScrlError(.diverged, "singular_values: got rows that are not finite · expected numbers")
  }
  let matrix = try Tensor(uninitialized: [chosen * width, 2])
  var values = [Double](repeating: 0, count: min(chosen, width))
  let status = withExtendedLifetime(matrix) {
    let to = UnsafeMutableRawPointer(matrix.pointer)
      .bindMemory(to: Double.self, capacity: chosen * width)
    for place in 0..<chosen {
      let row = place * count / chosen
      for c in 0..<width { to[place &* width &+ c] = Double(rows.pointer[row &* width &+ c]) }
    }
    return copenblas_singular_values(Int32(chosen), Int32(width), to, &values)
  }
  switch status {
  case 0: return values
  case -1: throw ScrlError(.memory, "singular_values: no room to work for \(chosen)×\(width)")
  case -2: throw ScrlError(.unsupported, "singular_values: this OpenBLAS was built without LAPACK")
  default: throw ScrlError(.diverged, "singular_values: LAPACK's dgesdd answers \(status)")
  }
}

/// Mean cosines of unit rows.
package struct Likeness: Equatable, Sendable {
  package let positive: Double  // of partners
  package let negative: Double  // of rows from different groups; NaN where there is one group

  /// - Parameters:
  ///   - rows: unit rows (2K,F); row k + K is the partner of row k.
  ///   - groups: of each row, such as its image.
  package init(ofUnit rows: Tensor, groups: [Int]) {
    let (count, width) = (rows.shape[0], rows.shape[1])
    let from = rows.pointer
    var sum = 0.0
    for row in 0..<count / 2 {
      let (a, b) = (from + row &* width, from + (row + count / 2) &* width)
      for c in 0..<width { sum += Double(a[c]) * Double(b[c]) }
    }
    positive = sum / Double(count / 2)

    // Over all pairs of different groups: ‖Σ all‖² − Σ over groups ‖Σ group‖².
    var whole = [Double](repeating: 0, count: width)
    var group = whole
    var (inside, pairs) = (0.0, Double(count) * Double(count))
    let order = (0..<count).sorted { (groups[$0], $0) < (groups[$1], $1) }
    var place = 0
    while place < count {
      let number = groups[order[place]]
      for c in 0..<width { group[c] = 0 }
      var members = 0.0
      while place < count, groups[order[place]] == number {
        let row = from + order[place] &* width
        for c in 0..<width { group[c] += Double(row[c]) }
        members += 1
        place += 1
      }
      for c in 0..<width {
        inside += group[c] * group[c]
        whole[c] += group[c]
      }
      pairs -= members * members
    }
    negative = pairs > 0 ? (whole.reduce(0) { $0 + $1 * $1 } - inside) / pairs : .nan
  }
}
