// What the judges of labelled boxes can be told.

import ScrlBase
import ScrlPretraining
import ScrlNN

package struct RegionOptions: Equatable, Sendable {
  package var stage: Stage?  // whose features are pooled; nil: the model's roi.stage
  package var size: Int?  // pixels of a picture's shorter side; nil: as it is
  package var longest = 1333  // pixels of its longer side at most
  package var trainImages: Int?  // at most so many with boxes, drawn by the seed; nil: all
  package var testImages: Int?
  package var neighbours = 20  // k; of fewer train boxes all
  package var epochs = 80  // of the linear layer
  package var batch: Int?  // boxes a step; nil: by the number of train boxes
  package var baseRate: Double?  // at batch 256; nil: 0.2
  package var seed: UInt64 = 0
  package var viewThreads: Int?  // nil: as many as compute

  package init() {}

  func check(_ operation: String) throws(ScrlError) {
    func expect(_ isGood: Bool, _ what: String) throws(ScrlError) {
      guard isGood else { throw ScrlError(.argument, "\(operation): got " + what) }
    }
    if let size { try expect((1...4096).contains(size), "size \(size) · expected 1…4096") }
    try expect((1...8192).contains(longest), "longest side \(longest) · expected 1…8192")
    for limit in [trainImages, testImages].compactMap({ $0 }) {
      try expect(limit >= 1, "a limit of \(limit) images · expected 1 or more")
    }
    try expect(
      (1...1_000_000).contains(neighbours), "\(neighbours) neighbours · expected 1…1000000")
    if let viewThreads {
      try expect((1...256).contains(viewThreads), "\(viewThreads) view threads · expected 1…256")
    }
    try linear(operation).check()
  }

  /// The existing linear evaluation, on boxes.
  func linear(_ operation: String) -> LinearOptions {
    var options = LinearOptions()
    options.operation = operation
    (options.epochs, options.batch, options.baseRate) = (epochs, batch, baseRate)
    (options.seed, options.quirks) = (seed, .corrected)
    return options
  }
}
