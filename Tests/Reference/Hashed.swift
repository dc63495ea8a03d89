// Numbers that both sides compute from a name: the same integers as Tests/Fixtures/hashed.py,
// bit by bit.

import ScrlAutograd
import ScrlBase
import ScrlNN
import ScrlTensor

package func fnv1a(_ text: String) -> UInt32 {
  text.utf8.reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
}

/// Word i of the hash of a name.
@inline(__always)
package func hashWord(_ i: Int, _ hash: UInt32) -> UInt32 {
  var x = UInt32(truncatingIfNeeded: i) &* 0x9E37_79B9 &+ hash
  x ^= x >> 16
  x = x &* 0x7FEB_352D
  x ^= x >> 15
  x = x &* 0x846C_A68B
  x ^= x >> 16
  return x
}

/// centre + spread · u, u in [−1, 1) from (name, index).
package func hashed(
  _ name: String, _ shape: [Int], centre: Float = 0, spread: Float
) throws -> Tensor {
  let tensor = try Tensor(uninitialized: shape)
  let (pointer, hash) = (tensor.pointer, fnv1a(name))
  Workers().ranges(tensor.count, grain: 1 << 16) { range in
    var i = range.lowerBound
    while i < range.upperBound {  // a loop over a range costs ten times this in debug builds
      pointer[i] = centre + spread * (Float(hashWord(i, hash) >> 8) * 0x1p-23 - 1)
      i &+= 1
    }
  }
  return tensor
}

package func fill(_ module: some Module) throws {
  for entry in module.contents().state {
    let shape = entry.tensor.plainShape
    let (centre, spread) = recipe(entry.name, shape)
    try entry.tensor.assign(
      plain: try hashed(entry.name, shape, centre: centre, spread: spread))
  }
}

/// Convolutions with He's variance, statistics near the identity.
package func recipe(_ name: String, _ shape: [Int]) -> (centre: Float, spread: Float) {
  switch shape.count {
  case 4: (0, Float((6 / Double(shape[1] * shape[2] * shape[3])).squareRoot()))
  case 2: (0, Float((3 / Double(shape[1])).squareRoot()))
  default:
    name.hasSuffix("running_var") ? (1, 0.2) : name.hasSuffix("weight") ? (0.8, 0.2) : (0, 0.1)
  }
}
