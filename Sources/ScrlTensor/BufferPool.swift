// Big buffers: 64-byte aligned, recycled by size, and refused with an error rather than an abort.
// A training step asks for the same sizes every time, so a steady step allocates nothing new.

import Glibc
import ScrlBase

package final class BufferPool: @unchecked Sendable {
  package static let shared = BufferPool()

  private let lock = RecursiveLock()
  private var free: [Int: [UnsafeMutableRawPointer]] = [:]
  private var held = 0
  private var inUse = 0
  private var peak = 0

  /// Bytes handed out now and at most so far.
  package var usage: (inUse: Int, peak: Int) { lock.locked { (inUse, peak) } }

  /// - Throws: `.memory` when the system does not give the bytes.
  func take(byteCount: Int) throws(ScrlError) -> UnsafeMutableRawPointer {
    let size = BufferPool.rounded(byteCount)
    return try lock.locked { () throws(ScrlError) in
      let pointer: UnsafeMutableRawPointer
      if let recycled = free[size]?.popLast() {
        held -= size
        pointer = recycled
      } else {
        pointer = try allocate(size)
      }
      inUse += size
      peak = max(peak, inUse)
      return pointer
    }
  }

  func giveBack(_ pointer: UnsafeMutableRawPointer, byteCount: Int) {
    let size = BufferPool.rounded(byteCount)
    lock.locked {
      inUse -= size
      held += size
      free[size, default: []].append(pointer)
    }
  }

  /// Returns every recycled buffer to the system.
  package func trim() {
    lock.locked {
      for pointers in free.values { for pointer in pointers { Glibc.free(pointer) } }
      free.removeAll()
      held = 0
    }
  }

  package func afterFork() { lock.reset() }

  private func allocate(_ size: Int) throws(ScrlError) -> UnsafeMutableRawPointer {
    var pointer: UnsafeMutableRawPointer?
    if posix_memalign(&pointer, 64, size) == 0, let pointer { return pointer }
    trim()
    if posix_memalign(&pointer, 64, size) == 0, let pointer { return pointer }
    throw ScrlError(.memory, "allocate: \(size) bytes refused by the system, \(inUse) in use")
  }

  private static func rounded(_ byteCount: Int) -> Int { (max(byteCount, 1) + 63) & ~63 }
}
