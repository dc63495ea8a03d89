// Where features come from: a matrix in memory, or images through the backbone.
// Letters: N samples, F features, S view size.

import ScrlBase
import ScrlImage
import ScrlPretraining
import ScrlStore
import ScrlTensor

/// Features of samples; those that could not be had are missing.
struct FeatureRows {
  let rows: Tensor  // (n,F)
  let places: [Int]  // of the samples asked for, that each row belongs to; ascending
}

protocol FeatureSource: AnyObject {
  var featureCount: Int { get }  // F
  var unreadable: Set<Int> { get }  // samples met so far that could not be had
  /// - Parameter epoch: from 1; 0 for what is needed before the first.
  func features(of samples: [Int], epoch: Int) throws(ScrlError) -> FeatureRows
}

/// A matrix with the rows of one view of all samples after those of another.
final class StoredFeatures: FeatureSource {
  private let views: [Tensor]  // (N,F) each
  private let rowOfSample: [Int: Int]?  // nil: sample = row

  var featureCount: Int { views[0].shape[1] }
  let unreadable: Set<Int>

  init(_ features: Tensor) {
    views = [features]
    rowOfSample = nil
    unreadable = []
  }

  /// The samples of another source, embedded now: view v as that source makes it in epoch v.
  init(_ source: any FeatureSource, samples: [Int], views count: Int) throws(ScrlError) {
    var views: [Tensor] = []
    var kept: [Int] = []
    for view in 1...max(count, 1) {
      let made = try source.features(of: samples, epoch: view)
      views.append(made.rows)
      kept = made.places.map { samples[$0] }
    }
    self.views = views
    var rows: [Int: Int] = [:]
    for (row, sample) in kept.enumerated() { rows[sample] = row }
    rowOfSample = rows
    unreadable = source.unreadable
  }

  func features(of samples: [Int], epoch: Int) throws(ScrlError) -> FeatureRows {
    let view = views[max(epoch - 1, 0) % views.count]
    var rows: [Int] = []
    var places: [Int] = []
    for (place, sample) in samples.enumerated() {
      guard let row = row(of: sample) else { continue }
      rows.append(row)
      places.append(place)
    }
    let width = featureCount
    let result = try Tensor(uninitialized: [rows.count, width])
    for (place, row) in rows.enumerated() {
      (result.pointer + place * width).update(from: view.pointer + row * width, count: width)
    }
    return FeatureRows(rows: result, places: places)
  }

  private func row(of sample: Int) -> Int? {
    guard let rowOfSample else { return sample }
    return rowOfSample[sample]
  }

  func moments() -> FeatureMoments {
    var moments = FeatureMoments()
    for view in views { moments.add(view) }
    return moments
  }

  func apply(_ standardiser: Standardiser, _ workers: Workers) {
    for view in views { standardiser.apply(to: view, workers) }
  }
}
