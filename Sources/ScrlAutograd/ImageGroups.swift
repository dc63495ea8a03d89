// How many images a chain of operations takes at a time: so many that every thread has some and
// what one operation writes, the next still finds in the cache that the cores share.

import ScrlBase

struct ImageGroups: Sequence {
  private let images: Int
  private let each: Int

  /// - Parameter shapes: (N,…) of the operands that should meet in the cache.
  init(of shapes: [[Int]], _ workers: Workers) {
    let floats = shapes.reduce(0) { $0 + $1.dropFirst().reduce(1, *) }
    let fitting = cacheFloats / Swift.max(floats, 1)
    images = shapes.first?.first ?? 0
    each = Swift.max(fitting / workers.count, 1) * workers.count
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
