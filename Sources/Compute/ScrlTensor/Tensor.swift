// A tensor: float32 storage with a logical shape and a memory layout. A value that shares its
// storage; kernels write only into storage that they have just made or were given to write.
// Letters: N images, C channels, H×W cells, b channels per block.

import ScrlBase

package final class Storage: @unchecked Sendable {
  package let pointer: UnsafeMutablePointer<Float>
  package let count: Int
  private let isPooled: Bool

  fileprivate init(borrowing pointer: UnsafeMutablePointer<Float>, count: Int) {
    (self.pointer, self.count, isPooled) = (pointer, count, false)
  }

  fileprivate init(count: Int) throws(ScrlError) {
    let bytes = count.multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    guard count >= 0, !bytes.overflow else {
      throw ScrlError(.memory, "allocate: \(count) float32 elements overflow the address space")
    }
    pointer = try BufferPool.shared.take(byteCount: bytes.partialValue)
      .bindMemory(to: Float.self, capacity: max(count, 1))
    self.count = count
    isPooled = true
  }

  deinit {
    guard isPooled else { return }
    BufferPool.shared.giveBack(pointer, byteCount: count * MemoryLayout<Float>.stride)
  }
}

/// How the elements of a shape lie in memory.
package enum Layout: Equatable, Sendable {
  /// Row-major over the shape as written.
  case plain
  /// An activation (N,C,H,W) stored as (N, C/b, H, W, b). b divides C; b = C is NHWC. A matrix
  /// (N,F) is an activation with H = W = 1 and b = F, which is the same memory as plain.
  case blocked(Int)
  /// A convolution weight (O,I,h,w) stored as (O,h,w,I): what the GEMM reference multiplies.
  case outputFirst
  /// A convolution weight (O,I,h,w) stored as (O/b, I/b, h, w, b of I, b of O); of an RGB input as
  /// (O/b, h, w, I, b of O). b divides O.
  case weightBlocks(Int)
}

package struct Tensor: Sendable {
  package let shape: [Int]  // logical: (N,C,H,W), (N,F), (O,I,h,w), (C)
  package let layout: Layout
  package private(set) var storage: Storage
  package let count: Int
  private let offset: Int  // of the first element in the storage

  package var pointer: UnsafeMutablePointer<Float> { storage.pointer + offset }
  package var buffer: UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: pointer, count: count)
  }

  /// Uninitialised memory; the maker writes every element.
  package init(uninitialized shape: [Int], layout: Layout = .plain) throws(ScrlError) {
    let count = try elementCount(shape)
    self.init(shape: shape, layout: layout, storage: try Storage(count: count), count: count)
  }

  /// Over a host's memory, for reading, which must outlive every use of the tensor.
  package init(
    borrowing pointer: UnsafePointer<Float>, shape: [Int]
  ) throws(ScrlError) {
    let count = try elementCount(shape)
    self.init(
      shape: shape, layout: .plain,
      storage: Storage(borrowing: UnsafeMutablePointer(mutating: pointer), count: count),
      count: count)
  }

  package init(zeros shape: [Int], layout: Layout = .plain) throws(ScrlError) {
    try self.init(uninitialized: shape, layout: layout)
    pointer.update(repeating: 0, count: count)
  }

  package init(_ values: [Float], shape: [Int], layout: Layout = .plain) throws(ScrlError) {
    try self.init(uninitialized: shape, layout: layout)
    guard values.count == count else {
      throw ScrlError(.shape, "tensor: \(values.count) values, shape \(shape) wants \(count)")
    }
    values.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { pointer.update(from: base, count: count) }
    }
  }

  private init(shape: [Int], layout: Layout, storage: Storage, count: Int, offset: Int = 0) {
    self.shape = shape
    self.layout = layout
    self.storage = storage
    self.count = count
    self.offset = offset
  }

  /// The same memory under another shape of equal count and the same layout meaning.
  package func reshaped(_ shape: [Int], layout: Layout = .plain) throws(ScrlError) -> Tensor {
    guard try elementCount(shape) == count else {
      throw ScrlError(.shape, "reshape: \(self.shape) has \(count) elements, \(shape) does not")
    }
    return Tensor(shape: shape, layout: layout, storage: storage, count: count, offset: offset)
  }

  /// Some images of an activation (N,…): the same memory.
  package func images(_ range: Range<Int>) -> Tensor {
    precondition(range.lowerBound >= 0 && range.upperBound <= shape[0], "images out of range")
    guard range.count < shape[0] else { return self }
    let each = count / shape[0]
    return Tensor(
      shape: [range.count] + shape.dropFirst(), layout: layout, storage: storage,
      count: range.count * each, offset: offset + range.lowerBound * each)
  }

  /// Whether nobody else holds the memory.
  package mutating func isUnique() -> Bool { isKnownUniquelyReferenced(&storage) }

  package func copied() throws(ScrlError) -> Tensor {
    let copy = try Tensor(uninitialized: shape, layout: layout)
    copy.pointer.update(from: pointer, count: count)
    return copy
  }

  package var array: [Float] { Array(buffer) }
}

/// Product of the extents. Throws `.shape` for a negative one, `.memory` on overflow.
package func elementCount(_ shape: [Int]) throws(ScrlError) -> Int {
  var count = 1
  for extent in shape {
    guard extent >= 0 else { throw ScrlError(.shape, "shape \(shape): negative extent") }
    let (product, overflow) = count.multipliedReportingOverflow(by: extent)
    guard !overflow else { throw ScrlError(.memory, "shape \(shape): element count overflows") }
    count = product
  }
  return count
}
