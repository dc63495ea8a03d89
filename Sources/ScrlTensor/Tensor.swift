// A tensor: float32 storage with a logical shape and a memory layout. A value that shares its
// storage; kernels write only into storage that they have just made or were given to write.
// Letters: N images, C channels, H×W cells, b channels per block.

import ScrlBase

package final class Storage: @unchecked Sendable {
  package let pointer: UnsafeMutablePointer<Float>
  package let count: Int
  private let isPooled: Bool
  private let owner: Storage?  // of memory that is part of another's

  /// Memory of somebody else's: the owner's, kept alive, or a host's, valid for the host's call.
  init(borrowing pointer: UnsafeMutablePointer<Float>, count: Int, of owner: Storage?) {
    (self.pointer, self.count, self.owner, isPooled) = (pointer, count, owner, false)
  }

  fileprivate init(count: Int) throws(ScrlError) {
    let bytes = count.multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    guard count >= 0, !bytes.overflow else {
      throw ScrlError(.memory, "allocate: \(count) float32 elements overflow the address space")
    }
    pointer = try BufferPool.shared.take(byteCount: bytes.partialValue)
      .bindMemory(to: Float.self, capacity: max(count, 1))
    self.count = count
    (owner, isPooled) = (nil, true)
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
  package let storage: Storage

  package var count: Int { storage.count }
  package var pointer: UnsafeMutablePointer<Float> { storage.pointer }
  package var buffer: UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: storage.pointer, count: storage.count)
  }

  /// Uninitialised memory; the maker writes every element.
  package init(uninitialized shape: [Int], layout: Layout = .plain) throws(ScrlError) {
    self.shape = shape
    self.layout = layout
    storage = try Storage(count: try elementCount(shape))
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

  init(shape: [Int], layout: Layout, storage: Storage) {
    self.shape = shape
    self.layout = layout
    self.storage = storage
  }

  /// The same memory under another shape of equal count and the same layout meaning.
  package func reshaped(_ shape: [Int], layout: Layout = .plain) throws(ScrlError) -> Tensor {
    guard try elementCount(shape) == count else {
      throw ScrlError(.shape, "reshape: \(self.shape) has \(count) elements, \(shape) does not")
    }
    return Tensor(shape: shape, layout: layout, storage: storage)
  }

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
