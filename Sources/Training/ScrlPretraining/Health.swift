// Whether a representation is alive or has collapsed, by numbers that need no labels. Training looks
// at its projections every `health.every` steps; scrl_evaluate_health at a backbone's features.
//
// Where the limits lie (ResNet-18, made scenes, views of 64, 64 outputs; HealthTests, test_judges.py):
//   deviation of projections 0.80 for SCRL and BYOL, of a fresh backbone's features 0.10; 0.00 where
//   the encoder was made constant;
//   effective rank of projections 22 … 45 of 64; 9 with 100 times the learning rate, 2 … 4 with 500
//   times it and no moving average; of a fresh backbone's features 33 of 400.

import ScrlBase
import ScrlKernels
import ScrlTensor

package struct Health: Equatable, Sendable {
  package var deviation: Double  // 1: directions of all kinds; 0: one
  package var effectiveRank: Double  // NaN where there is no LAPACK
  package var rankLimit: Int  // that the rank can reach: the fewer of rows and features
  package var positive = Double.nan  // mean cosine of matched rows
  package var negative = Double.nan  // of rows of different images
  package var images = 0  // that the cosines are of
  var leastRank = Collapse.leastRank

  /// Rows of the batch whose singular values are taken: a second's hundredth, not more.
  static let trainingRows = 256

  /// - Parameters:
  ///   - rows: (N,F); with `paired`, row k + N/2 is the partner of row k.
  ///   - groups: the image of each row; nil: nobody knows, every row (and its partner) is its own.
  ///   - areProjections: of a head, which a living network fills; features of a fresh backbone have
  ///     few directions too.
  ///   - most: rows looked at for the rank, evenly spaced; nil: all.
  package init(
    of rows: Tensor, paired: Bool, groups: [Int]? = nil, areProjections: Bool = false, most: Int?,
    _ workers: Workers
  ) throws(ScrlError) {
    let unit = try unitRows(rows, workers)
    deviation = ScrlKernels.deviation(ofUnit: unit)
    rankLimit = min(min(rows.shape[0], most ?? Int.max), rows.shape[1])
    if areProjections { leastRank = max(leastRank, Collapse.leastShare * Double(rankLimit)) }
    do throws(ScrlError) {
      effectiveRank = try ScrlKernels.effectiveRank(rows, most: most)
    } catch {
      guard error.code == .unsupported else { throw error }
      effectiveRank = .nan
    }
    guard paired else { return }
    let half = rows.shape[0] / 2
    let owners = groups ?? (0..<2 * half).map { $0 % half }
    let likeness = Likeness(ofUnit: unit, groups: owners)
    (positive, negative) = (likeness.positive, likeness.negative)
    images = Set(owners).count
  }

  /// The clearest sign of collapse; nil: none.
  package var collapse: Collapse? {
    if deviation < Collapse.leastDeviation { return .constant }
    if rankLimit >= Collapse.rowsForRank, effectiveRank < leastRank { return .flat }
    if images >= Collapse.imagesForLikeness,
      positive - negative < Collapse.leastGap * (1 - negative)
    {
      return .alike
    }
    return nil
  }
}

/// A sign of collapse; the raw value is what people read.
package enum Collapse: String, CaseIterable, Sendable {
  case constant = "constant: every input gives nearly the same features"
  case flat = "flat: features vary along too few directions"
  case alike = "alike: matched views are no more alike than different images"

  static let leastDeviation = 0.02
  static let leastRank = 1.5
  static let leastShare = 0.06  // of the rank that projections could have
  static let rowsForRank = 8  // fewer rows or features say little about a rank
  // Of what is left above the cosine of different images; a batch of few says nothing about it: in a
  // healthy start of BYOL with 16 images it was 0.
  static let leastGap = 0.02
  static let imagesForLikeness = 100
}
