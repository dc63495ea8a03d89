// State that is neither learned nor averaged: a queue of keys, prototypes, a counter. PyTorch calls
// it a buffer. Saved and restored by name; a step that fails leaves it as it was.

import ScrlAutograd
import ScrlBase
import ScrlTensor

package final class Buffer: StateTensor {
  package let name: String  // within its module: "queue"
  package let value: Tensor  // plain, written in place
  package private(set) var version = 0

  /// - Parameter initial: the first values; the buffer takes the storage over.
  package init(name: String, _ initial: Tensor) {
    (self.name, value) = (name, initial)
  }

  package var plainShape: [Int] { value.shape }

  package func plain() throws(ScrlError) -> Tensor { value }

  package func assign(plain: Tensor) throws(ScrlError) {
    try overwrite(value, with: plain, name)
    version += 1
  }
}
