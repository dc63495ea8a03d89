// Times kernels against the speed of a copy, and adds up a step.

import Glibc
import ScrlBase
import ScrlTensor

final class Stopwatch {
  private let workers: Workers
  private let repeats: Int
  private let from: Tensor
  private let to: Tensor
  private var copySpeed = 0.0  // bytes read and written a second, the best seen so far
  private var step = 0.0  // seconds
  private var parts: [(kernel: String, seconds: Double, bytes: Double)] = []

  init(_ workers: Workers, repeats: Int) throws(ScrlError) {
    self.workers = workers
    self.repeats = repeats
    from = try Tensor(zeros: [1 << 25])
    to = try Tensor(zeros: [1 << 25])
    for _ in 0..<repeats { copy() }
  }

  /// Times body(i), which works on the i-th of `ring` sets of operands: together they are larger
  /// than the caches, as the operands of a step are.
  func time(
    _ kernel: String, _ shape: String, _ elements: Int, _ uses: Int, _ ring: Int,
    _ body: (Int) throws(ScrlError) -> Void
  ) throws(ScrlError) {
    copy()
    for i in 0..<ring { try body(i) }
    var best = Double.infinity
    for _ in 0..<repeats {
      let start = now()
      for i in 0..<ring { try body(i) }
      best = min(best, (now() - start) / Double(ring))
    }
    let bytes = Double(elements * 4)
    step += best * Double(uses)
    defer {
      print(
        #"{"kernel": "\#(kernel)", "shape": "\#(shape)", "ms": \#(short(best * 1e3)), "#
          + #""uses": \#(uses), "gbs": \#(short(bytes / best / 1e9)), "#
          + #""part": \#(short(bytes / best / copySpeed))}"#)
    }
    guard uses > 0 else { return }
    if let i = parts.firstIndex(where: { $0.kernel == kernel }) {
      parts[i].seconds += best * Double(uses)
      parts[i].bytes += bytes * Double(uses)
    } else {
      parts.append((kernel, best * Double(uses), bytes * Double(uses)))
    }
  }

  func report(_ options: Options) {
    for part in parts {
      let speed = part.bytes / part.seconds
      print(
        #"{"step": "\#(part.kernel)", "block": \#(options.block), "#
          + #""ms": \#(short(part.seconds * 1e3)), "gbs": \#(short(speed / 1e9)), "#
          + #""part": \#(short(speed / copySpeed))}"#)
    }
    print(
      #"{"step": "all", "block": \#(options.block), "size": \#(options.size), "#
        + #""views": \#(options.views), "ms": \#(short(step * 1e3)), "#
        + #""copy_gbs": \#(short(copySpeed / 1e9))}"#)
  }

  private func copy() {
    let (from, to) = (from.pointer, to.pointer)
    let start = now()
    workers.ranges(1 << 25, grain: 1 << 20) { range in
      memcpy(to + range.lowerBound, from + range.lowerBound, range.count * 4)
    }
    copySpeed = max(copySpeed, Double(8 << 25) / (now() - start))
  }
}

private func now() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// Three decimals.
private func short(_ value: Double) -> String {
  let thousandths = Int((value * 1000).rounded())
  let rest = String(thousandths % 1000)
  return "\(thousandths / 1000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
}
