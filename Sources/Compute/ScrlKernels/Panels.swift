// An activation in blocks of b channels, b a divisor of 16, cut into tasks. A panel is one block of
// one image: cells · b floats. A task has some panels, or a piece of a large one.
// The cut depends on the shape alone, so sums per part, added in order, do not depend on the
// thread count. Not here: rows of many channels (RowChunks).

import ScrlBase
import ScrlTensor

struct Panels {
  let block: Int  // b
  private let blocks: Int
  private let images: Int
  private let size: Int  // floats of a panel
  private let pieces: Int  // per panel; 1 unless it is large
  private let panelsPerTask: Int  // 1 unless it is small

  init?(_ shape: ActivationShape) {
    guard laneCount % shape.block == 0, shape.cells > 0, shape.images > 0 else { return nil }
    (block, blocks, images) = (shape.block, shape.blocks, shape.images)
    size = shape.cells * block
    pieces = (size + taskSize - 1) / taskSize
    panelsPerTask = max(1, taskSize / size)
  }

  /// Calls body(offset, floats, block) for every part.
  func sweep(_ workers: Workers, _ body: (Int, Int, Int) -> Void) {
    forEachPart(workers) { offset, count, block, _ in body(offset, count, block) }
  }

  /// Adds two float64 sums per channel into `first` and `second`.
  /// body(offset, floats, block, sums) adds a part into 16 + 16 lanes, which begin at zero.
  func sum(
    _ workers: Workers, into first: inout [Double], _ second: inout [Double],
    _ body: (Int, Int, Int, UnsafeMutablePointer<Double>) -> Void
  ) throws(ScrlError) {
    let width = 2 * laneCount
    try withDoubleScratch(images * blocks * pieces * width) { partial in
      forEachPart(workers) { offset, count, block, part in
        let sums = partial + part * width
        sums.update(repeating: 0, count: width)
        body(offset, count, block, sums)
      }
      for block in 0..<blocks { fold(block, partial, width, into: &first, &second) }
    }
  }

  /// Adds the parts of one block, in their order, to its channels.
  private func fold(
    _ block: Int, _ partial: UnsafePointer<Double>, _ width: Int, into first: inout [Double],
    _ second: inout [Double]
  ) {
    var (one, two) = (WideLanes(), WideLanes())
    for image in 0..<images {
      for piece in 0..<pieces {
        let sums = partial + ((image * blocks + block) * pieces + piece) * width
        one += wideLanes(sums, 0)
        two += wideLanes(sums, laneCount)
      }
    }
    for lane in 0..<laneCount {
      let channel = block * self.block + lane % self.block
      first[channel] += one[lane]
      second[channel] += two[lane]
    }
  }

  /// Calls body(offset, floats, block, index of the part) in memory order within a task.
  @inline(__always)
  private func forEachPart(_ workers: Workers, _ body: (Int, Int, Int, Int) -> Void) {
    let panels = images * blocks
    if pieces == 1 {
      workers.ranges(panels, grain: panelsPerTask) { range in
        for panel in range { body(panel &* size, size, panel % blocks, panel) }
      }
    } else {
      workers.run(panels * pieces) { part in
        let (panel, piece) = part.quotientAndRemainder(dividingBy: pieces)
        let first = piece * taskSize
        body(panel * size + first, min(taskSize, size - first), panel % blocks, part)
      }
    }
  }
}

/// Floats: 128 KiB of each operand, well inside a core's own cache.
private let taskSize = 32_768
