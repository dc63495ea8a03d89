// How many images a chain of operations takes at a time: so many that every thread has some and
// what one operation writes, the next still finds in the cache that the cores share.

import ScrlBase

struct ImageGroups: Sequence {
  private let images: Int
  private let each: Int

  /// - Parameters:
  ///   - shapes: (N,…) of the operands that should meet in the cache.
  ///   - weights: how many every group reads; it should not be most of what it reads.
  init(of shapes: [[Int]], weights: Int = 0, _ workers: Workers) {
    let floats = shapes.reduce(0) { $0 + $1.dropFirst().reduce(1, *) }
    let fitting = Swift.max(cacheFloats, 2 * weights) / Swift.max(floats, 1)
    let most = Swift.max(fitting / workers.count, 1) * workers.count
    images = shapes.first?.first ?? 0
    // Groups of about one size, each a multiple of the threads.
    let groups = Swift.max((images + most - 1) / most, 1)
    let even = (images + groups - 1) / groups
    each = Swift.max((even + workers.count - 1) / workers.count, 1) * workers.count
  }

  func makeIterator() -> AnyIterator<Range<Int>> {
    var next = 0
    return AnyIterator {
      guard next < images else { return nil }
      defer { next += each }
      return next..<Swift.min(next + each, images)
    }
  }
}

/// 8 MiB: a quarter of what servers' cores share, and more than any core's own.
private let cacheFloats = 1 << 21
