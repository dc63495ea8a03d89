// Weights that both sides compute from their names: the same integers as `hashed` and `recipe`
// in Tests/Fixtures/make_nn.py, bit by bit.

import ScrlAutograd
import ScrlBase
import ScrlTensor

@testable import ScrlNN

func fnv1a(_ text: String) -> UInt32 {
  text.utf8.reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
}

/// centre + spread · u, u in [−1, 1) from (name, index).
func hashed(
  _ name: String, _ shape: [Int], centre: Float = 0, spread: Float
) throws -> Tensor {
  let tensor = try Tensor(uninitialized: shape)
  let (pointer, hash) = (tensor.pointer, fnv1a(name))
  Workers().ranges(tensor.count, grain: 1 << 16) { range in
    var i = range.lowerBound
    while i < range.upperBound {  // a loop over a range costs ten times this in debug builds
      var x = UInt32(truncatingIfNeeded: i) &* 0x9E37_79B9 &+ hash
      x ^= x >> 16
      x = x &* 0x7FEB_352D
      x ^= x >> 15
      x = x &* 0x846C_A68B
      x ^= x >> 16
      pointer[i] = centre + spread * (Float(x >> 8) * 0x1p-23 - 1)
      i &+= 1
    }
  }
  return tensor
}

func fill(_ module: some Module) throws {
  for entry in module.contents().state {
    let shape = entry.tensor.plainShape
    let (centre, spread) = recipe(entry.name, shape)
    try entry.tensor.assign(
      plain: try hashed(entry.name, shape, centre: centre, spread: spread))
  }
}

private func recipe(_ name: String, _ shape: [Int]) -> (Float, Float) {
  switch shape.count {
  case 4: (0, Float((6 / Double(shape[1] * shape[2] * shape[3])).squareRoot()))
  case 2: (0, Float((3 / Double(shape[1])).squareRoot()))
  default:
    name.hasSuffix("running_var") ? (1, 0.2) : name.hasSuffix("weight") ? (0.8, 0.2) : (0, 0.1)
  }
}
