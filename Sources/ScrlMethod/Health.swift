// Whether a representation is alive or has collapsed, by numbers that need no labels. Training looks
// at its projections every `health.every` steps; scrl_evaluate_health at a backbone's features.
//
// Where the limits lie, by HealthTests: fresh and training networks of every method stay far on the
// good side; networks whose encoder was made constant, or whose rate was far too high, on the other.

import ScrlBase
import ScrlKernels
import ScrlTensor

package struct Health: Equatable, Sendable {
  package var deviation: Double  // 1: directions of all kinds; 0: one
  package var effectiveRank: Double  // NaN where there is no LAPACK
  package var rankLimit: Int  // that the rank can reach: the fewer of rows and features
  package var positive = Double.nan  // mean cosine of matched rows
  package var negative = Double.nan  // of rows of different images

  /// Rows of the batch whose singular values are taken: a second's hundredth, not more.
  static let trainingRows = 256

  /// - Parameters:
  ///   - rows: (N,F); with `paired`, row k + N/2 is the partner of row k.
  ///   - groups: the image of each row; nil: nobody knows, every row (and its partner) is its own.
  ///   - most: rows looked at for the rank, evenly spaced; nil: all.
  package init(
    of rows: Tensor, paired: Bool, groups: [Int]? = nil, most: Int?, _ workers: Workers
  ) throws(ScrlError) {
    let unit = try unitRows(rows, workers)
    deviation = ScrlKernels.deviation(ofUnit: unit)
    rankLimit = min(min(rows.shape[0], most ?? Int.max), rows.shape[1])
    do throws(ScrlError) {
      effectiveRank = try ScrlKernels.effectiveRank(rows, most: most)
    } catch {
      guard error.code == .unsupported else { throw error }
      effectiveRank = .nan
    }
    guard paired else { return }
    let half = rows.shape[0] / 2
    let likeness = Likeness(ofUnit: unit, groups: groups ?? (0..<2 * half).map { $0 % half })
    (positive, negative) = (likeness.positive, likeness.negative)
  }

  /// The clearest sign of collapse; nil: none.
  package var collapse: Collapse? {
    if deviation < Collapse.leastDeviation { return .constant }
    if rankLimit >= Collapse.rowsForRank, effectiveRank < Collapse.leastRank { return .flat }
    if positive - negative < Collapse.leastGap { return .alike }
    return nil
  }
}

/// A sign of collapse; the raw value is what people read.
package enum Collapse: String, CaseIterable, Sendable {
  case constant = "constant: every input gives nearly the same features"
  case flat = "flat: all features vary along one direction"
  case alike = "alike: matched views are no more alike than different images"

  static let leastDeviation = 0.02
  static let leastRank = 1.5
  static let rowsForRank = 8  // fewer rows or features say little about a rank
  static let leastGap = 0.001
}
