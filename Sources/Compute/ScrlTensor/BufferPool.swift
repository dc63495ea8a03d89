// Where tensors' memory comes from: one arena, grown when nothing free fits and then kept, and
// refused with an error rather than an abort. A training step asks for the same sizes in the same
// order every time, so a steady step asks the system for nothing. Every buffer begins at a
// multiple of 64 bytes; large pages spare the processor most of its address translations.

import Glibc
import ScrlBase

package final class BufferPool: @unchecked Sendable {
  package static let shared = BufferPool()

  private let lock = RecursiveLock()
  private var free = FreeBlocks()
  private var bottom: UInt = 0  // where the newest chunk begins
  private var inUse = 0
  private var peak = 0

  /// Bytes handed out now and at most so far.
  package var usage: (inUse: Int, peak: Int) { lock.locked { (inUse, peak) } }

  /// - Throws: `.memory` when the system does not give the bytes.
  func take(byteCount: Int) throws(ScrlError) -> UnsafeMutableRawPointer {
    let size = BufferPool.rounded(byteCount)
    return try lock.locked { () throws(ScrlError) in
      var start = free.take(size)
      if start == nil {
        try grow(by: size)
        start = free.take(size)
      }
      guard let start, let pointer = UnsafeMutableRawPointer(bitPattern: start) else {
        throw ScrlError(.internal, "allocate: \(size) bytes are not where they should be")
      }
      inUse += size
      peak = max(peak, inUse)
      return pointer
    }
  }

  func giveBack(_ pointer: UnsafeMutableRawPointer, byteCount: Int) {
    let (start, size) = (UInt(bitPattern: pointer), BufferPool.rounded(byteCount))
    lock.locked {
      inUse -= size
      free.give(start..<start + UInt(size))
    }
  }

  /// Returns to the system whatever is free, in whole pages.
  package func trim() {
    lock.locked {
      for block in free.takeAll() {
        let (first, end) = (
          (block.lowerBound + pageSize - 1) & ~(pageSize - 1), block.upperBound & ~(pageSize - 1)
        )
        guard first < end, munmap(UnsafeMutableRawPointer(bitPattern: first), Int(end - first)) == 0
        else {
          free.give(block)
          continue
        }
        if block.lowerBound < first { free.give(block.lowerBound..<first) }
        if end < block.upperBound { free.give(end..<block.upperBound) }
      }
    }
  }

  /// In a forked child: another thread may have held the lock, and left the blocks half joined.
  /// They are forgotten, not freed.
  package func afterFork() {
    lock.reset()
    _ = Unmanaged.passRetained(free)
    free = FreeBlocks()
    bottom = 0
  }

  /// Downwards where the system lets it, so that what is free at the bottom counts.
  private func grow(by size: Int) throws(ScrlError) {
    let lacking = size - free.count(at: bottom)
    let chunk = extend(by: lacking) ?? map(size, at: 0) ?? mapTrimmed(size)
    guard let chunk else {
      throw ScrlError(.memory, "allocate: \(size) bytes refused by the system, \(inUse) in use")
    }
    free.give(chunk)
    bottom = chunk.lowerBound
  }

  /// At least `size` bytes right below the newest chunk.
  private func extend(by size: Int) -> Range<UInt>? {
    guard bottom > UInt(size) + UInt(chunkSize),
      let chunk = map(size, at: bottom - UInt(inChunks(size)))
    else { return nil }
    if chunk.upperBound == bottom { return chunk }
    munmap(UnsafeMutableRawPointer(bitPattern: chunk.lowerBound), chunk.count)
    return nil
  }

  private func mapTrimmed(_ size: Int) -> Range<UInt>? {
    trim()
    return map(size, at: 0)
  }

  /// At least `size` bytes, at `address` if the system agrees.
  private func map(_ size: Int, at address: UInt) -> Range<UInt>? {
    let size = inChunks(size)
    let memory = mmap(
      UnsafeMutableRawPointer(bitPattern: address), size, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory, memory != MAP_FAILED else { return nil }
    madvise(memory, size, MADV_HUGEPAGE)  // a wish: the result does not matter
    let start = UInt(bitPattern: memory)
    return start..<start + UInt(size)
  }

  private func inChunks(_ size: Int) -> Int {
    let (padded, overflow) = size.addingReportingOverflow(chunkSize - 1)
    return overflow ? size : padded / chunkSize * chunkSize
  }

  private static func rounded(_ byteCount: Int) -> Int {
    let (padded, overflow) = max(byteCount, 1).addingReportingOverflow(63)
    return overflow ? Int.max & ~63 : padded & ~63
  }
}

/// Bytes asked of the system at a time: sixteen large pages.
private let chunkSize = 32 << 20

private let pageSize = UInt(max(sysconf(Int32(_SC_PAGESIZE)), 4096))
