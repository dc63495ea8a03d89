// A binary mask as COCO's run lengths: how many zeros, ones, zeros, … in column-major order.
// Canonical here: only the first run may be 0, so equal masks have equal runs. Pixels (y, x) of
// H×W; what comes from a file is checked: the runs of a mask always sum to H·W.
// Not here: the compressed text (RunLengthText), union and overlap (RunLengthSets), polygons.

import ScrlBase

package struct RunLengths: Equatable, Sendable {
  package let height: Int
  package let width: Int
  package let counts: [UInt32]  // zeros first; odd places are the runs of ones

  /// A JPEG's longest side, so that H·W fits the 32 bits of a run.
  package static let longestSide = 65535

  /// For runs that are canonical and sum to H·W already.
  init(trusted counts: [UInt32], height: Int, width: Int) {
    self.height = height
    self.width = width
    self.counts = counts
  }

  /// COCO's uncompressed runs; zeros within are joined away.
  /// - Throws: `.data` for sides outside 1 … 65535, negative runs, a sum other than H·W.
  package init(
    uncompressed runs: some Sequence<Int>, height: Int, width: Int
  ) throws(ScrlError) {
    var builder = try RunBuilder(height: height, width: width)
    for run in runs { try builder.add(run) }
    self = try builder.finish()
  }

  /// A mask of H rows of W bytes; what is not 0 belongs to it.
  package init(mask: UnsafeBufferPointer<UInt8>, height: Int, width: Int) throws(ScrlError) {
    try checkMaskSize(height: height, width: width)
    guard mask.count == height * width else {
      throw ScrlError(
        .data, "mask: got \(mask.count) bytes · expected \(height)×\(width)")
    }
    var runs: [UInt32] = []
    var run: UInt32 = 0
    var inside = false
    for x in 0..<width {
      var place = x
      for _ in 0..<height {
        if (mask[place] != 0) != inside {
          runs.append(run)
          run = 0
          inside.toggle()
        }
        run += 1
        place += width
      }
    }
    runs.append(run)
    self.init(trusted: runs, height: height, width: width)
  }

  /// H rows of W bytes, 0 or 1.
  package func decode() -> [UInt8] {
    var mask = [UInt8](repeating: 0, count: height * width)
    forEachRun { start, length in
      var (x, y) = (start / height, start % height)
      for _ in 0..<length {
        mask[y * width + x] = 1
        y += 1
        if y == height { (x, y) = (x + 1, 0) }
      }
    }
    return mask
  }

  /// Pixels of the mask.
  package var area: Int {
    var sum = 0
    forEachRun { _, length in sum += length }
    return sum
  }

  /// The smallest box around the mask, in whole pixels; all 0 for an empty mask.
  package var bounds: (x: Int, y: Int, width: Int, height: Int) {
    var (left, right, top, bottom) = (width, -1, height, -1)
    forEachRun { start, length in
      let end = start + length - 1
      let (first, last) = (start / height, end / height)
      left = min(left, first)
      right = max(right, last)
      // A run that goes on in the next column touches the lowest row and the highest.
      top = first < last ? 0 : min(top, start % height)
      bottom = first < last ? height - 1 : max(bottom, end % height)
    }
    guard right >= 0 else { return (0, 0, 0, 0) }
    return (left, top, right - left + 1, bottom - top + 1)
  }

  /// Hears of every run of ones: its first place x·H + y and its length.
  @inline(__always)
  package func forEachRun(_ body: (_ start: Int, _ length: Int) -> Void) {
    var place = 0
    for (index, run) in counts.enumerated() {
      if index & 1 == 1 { body(place, Int(run)) }
      place += Int(run)
    }
  }
}

func checkMaskSize(height: Int, width: Int) throws(ScrlError) {
  let sides = 1...RunLengths.longestSide
  guard sides.contains(height), sides.contains(width) else {
    throw ScrlError(.data, "mask: got \(height)×\(width) pixels · expected sides in \(sides)")
  }
}

/// Takes the runs of a mask one by one and makes them canonical.
struct RunBuilder {
  private let height: Int
  private let width: Int
  private var runs: [UInt32] = []
  private var left: Int
  private var added = 0

  init(height: Int, width: Int) throws(ScrlError) {
    try checkMaskSize(height: height, width: width)
    (self.height, self.width) = (height, width)
    left = height * width
  }

  mutating func add(_ run: Int) throws(ScrlError) {
    guard run >= 0, run <= left else {
      let wanted = "0 … \(left), what is left of \(height)×\(width)"
      throw ScrlError(.data, "mask: run \(added) is \(run) · expected \(wanted)")
    }
    left -= run
    let belongs = added & 1
    added += 1
    if run == 0 && added > 1 { return }
    if (runs.count - 1) & 1 == belongs && !runs.isEmpty {
      runs[runs.count - 1] += UInt32(run)  // the run between them was 0
    } else {
      runs.append(UInt32(run))
    }
  }

  func finish() throws(ScrlError) -> RunLengths {
    guard left == 0 else {
      let wanted = "\(height)×\(width)"
      throw ScrlError(
        .data, "mask: runs sum to \(height * width - left) · expected \(wanted)")
    }
    return RunLengths(trusted: runs, height: height, width: width)
  }
}
