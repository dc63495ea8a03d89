// Comparisons that report the worst element.

import Testing
@_exported import TestReference

/// Every element within absolute + relative·|want|; equal counts; NaN is never close.
package func expectClose(
  _ got: [Float], _ want: [Double], relative: Double = 0, absolute: Double = 0,
  _ what: String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
  guard got.count == want.count else {
    Issue.record(
      "\(what): got \(got.count) elements · expected \(want.count)",
      sourceLocation: sourceLocation)
    return
  }
  var worst = (excess: 1.0, index: -1)
  for i in got.indices {
    let allowed = absolute + relative * want[i].magnitude
    let error = (Double(got[i]) - want[i]).magnitude
    let excess = error == 0 ? 0 : error / allowed
    if !(excess <= worst.excess) { worst = (excess.isNaN ? .infinity : excess, i) }
  }
  guard worst.index >= 0 else { return }
  Issue.record(
    """
    \(what): worst of \(got.count) elements is [\(worst.index)]: got \(got[worst.index]) · \
    expected \(want[worst.index]) (\(worst.excess) times the tolerance)
    """,
    sourceLocation: sourceLocation)
}

package func expectClose(
  _ got: [Float], _ want: [Float], relative: Double = 0, absolute: Double = 0,
  _ what: String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
  expectClose(
    got, want.map(Double.init), relative: relative, absolute: absolute, what,
    sourceLocation: sourceLocation)
}
