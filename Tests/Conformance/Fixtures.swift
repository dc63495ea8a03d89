// Where the fixtures lie, and the engines that every row runs on.

import ScrlBase
import ScrlKernels
import ScrlOneDNN
import TestReference

struct Fixtures {
  let folder: String

  /// `array("boxes_0")` reads boxes_0.npy.
  func array(_ name: String) throws -> NpyArray { try npyArray("\(folder)/\(name).npy") }
}

/// Every compute engine there is; the reason is printed when one is missing.
func engines() throws -> [any Engine] {
  var engines: [any Engine] = [try OpenBLASEngine(workers: Workers())]
  do {
    // `compute.winograd = auto` takes some of both.
    engines.append(try OneDNNEngine(workers: Workers(), winograd: .never))
    engines.append(try OneDNNEngine(workers: Workers(), winograd: .always))
  } catch {
    print("conformance: on openblas alone: \(error)")
  }
  return engines
}
