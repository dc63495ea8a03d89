// Where the fixtures lie, and the engines that every row runs on.

import ScrlBase
import ScrlKernels
import TestReference

struct Fixtures {
  let folder: String

  /// `array("boxes_0")` reads boxes_0.npy.
  func array(_ name: String) throws -> NpyArray { try npyArray("\(folder)/\(name).npy") }
}

/// Every compute engine there is.
func engines() throws -> [any Engine] {
  [try OpenBLASEngine(workers: Workers())]
}
