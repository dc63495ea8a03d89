// Short-lived memory of a kernel, taken from the pool and given back when the body returns.

import ScrlBase
import ScrlTensor

func withScratch(
  _ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void
) throws(ScrlError) {
  let memory = try Tensor(uninitialized: [count])
  withExtendedLifetime(memory) { body(memory.pointer) }
}

func withDoubleScratch(
  _ count: Int, _ body: (UnsafeMutablePointer<Double>) -> Void
) throws(ScrlError) {
  let memory = try Tensor(uninitialized: [count, 2])
  withExtendedLifetime(memory) {
    body(UnsafeMutableRawPointer(memory.pointer).bindMemory(to: Double.self, capacity: count))
  }
}

/// One piece of scratch per running task: at most `workers.count` run at a time, so a task that
/// asks always finds a free one.
final class ScratchSlots {
  private let memory: Tensor
  private let size: Int
  private var free: [Int]
  private let lock = RecursiveLock()

  init(_ workers: Workers, size: Int) throws(ScrlError) {
    memory = try Tensor(uninitialized: [workers.count, size])
    self.size = size
    free = Array(0..<workers.count)
  }

  func borrow(_ body: (UnsafeMutablePointer<Float>) -> Void) {
    guard let slot = lock.locked({ free.popLast() }) else { return }
    body(memory.pointer + slot * size)
    lock.locked { free.append(slot) }
  }
}
