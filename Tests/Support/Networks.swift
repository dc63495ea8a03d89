// What tests of whole operations and networks share.

import Foundation
import ScrlBase
import ScrlKernels
import Testing

/// The engine that tests of the floors above the seam run on.
package func testEngine() throws -> any Engine { try OpenBLASEngine(workers: Workers()) }

/// Every element within tolerance · max|want|: rounding of a sum is relative to its terms, which
/// are as large as the largest results, not to what is left after they cancel.
package func expectNear(
  _ got: [Float], _ want: [Double], _ tolerance: Double, _ what: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let largest = want.reduce(0) { max($0, $1.magnitude) }
  expectClose(
    got, want, absolute: tolerance * largest, what, sourceLocation: sourceLocation)
}

/// `fixtureText("nn/names.txt")` reads Tests/Fixtures/nn/names.txt.
package func fixtureText(_ name: String) throws -> String {
  let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fixtures")
  return try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
}
