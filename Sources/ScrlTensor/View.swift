// Tensors over memory that they do not own: rows of another tensor, a host's array. For reading,
// or for writing by those who may write the memory itself.

import ScrlBase

extension Tensor {
  /// Over a host's memory, which must outlive every use of the tensor.
  package init(
    borrowing pointer: UnsafeMutablePointer<Float>, shape: [Int]
  ) throws(ScrlError) {
    let count = try elementCount(shape)
    self.init(
      shape: shape, layout: .plain,
      storage: Storage(borrowing: pointer, count: count, of: nil))
  }

  /// Rows of a plain tensor: the same memory, which stays alive with them.
  package func rows(_ range: Range<Int>) throws(ScrlError) -> Tensor {
    guard layout == .plain, let rows = shape.first, range.lowerBound >= 0,
      range.upperBound <= rows
    else {
      throw ScrlError(.shape, "rows: got \(range) of \(shape) \(layout) · expected rows that are")
    }
    let length = count / max(rows, 1)
    return Tensor(
      shape: [range.count] + shape.dropFirst(), layout: .plain,
      storage: Storage(
        borrowing: pointer + range.lowerBound * length, count: range.count * length, of: storage))
  }
}
