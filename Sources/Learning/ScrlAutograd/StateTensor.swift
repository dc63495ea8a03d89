// State as hosts and files see it: named float32 tensors in plain row-major order.

import ScrlBase
import ScrlTensor

package protocol StateTensor: AnyObject {
  var name: String { get }
  var plainShape: [Int] { get }
  /// Grows with every assign(): whoever keeps what it made from the values sees that they are
  /// new. What optimisers and running averages write in place is not counted.
  var version: Int { get }

  /// The values in plain order; a copy, or the storage itself where the order is the same.
  func plain() throws(ScrlError) -> Tensor
  /// Replaces the values by those of a plain tensor of equal count.
  func assign(plain: Tensor) throws(ScrlError)
}

extension StateTensor {
  package var plainCount: Int { plainShape.reduce(1, *) }

  package func readPlain(into buffer: UnsafeMutableBufferPointer<Float>) throws(ScrlError) {
    try checkCount(buffer.count, "read")
    guard let base = buffer.baseAddress else { return }
    base.update(from: try plain().pointer, count: buffer.count)
  }

  /// Checks the count only; whether the values are finite is the caller's to know.
  package func writePlain(from buffer: UnsafeBufferPointer<Float>) throws(ScrlError) {
    try checkCount(buffer.count, "write")
    guard let base = buffer.baseAddress else { return }
    let values = try Tensor(uninitialized: plainShape)
    values.pointer.update(from: base, count: buffer.count)
    try assign(plain: values)
  }

  private func checkCount(_ count: Int, _ verb: String) throws(ScrlError) {
    guard count == plainCount else {
      throw ScrlError(
        .shape, "\(verb) \(name): got \(count) values · expected \(plainCount), \(plainShape)")
    }
  }
}

/// Overwrites a tensor's storage in place: those who hold it see the new values.
package func overwrite(
  _ target: Tensor, with source: Tensor, _ name: String
) throws(ScrlError) {
  guard target.count == source.count, target.layout == source.layout else {
    throw ScrlError(
      .shape,
      "\(name): got \(source.shape), \(source.layout) · expected \(target.shape), "
        + "\(target.layout)")
  }
  target.pointer.update(from: source.pointer, count: target.count)
}
