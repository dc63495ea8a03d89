// An activation in blocks of b channels, b a divisor of 16, cut into tasks. A panel is one block of
// one image: cells · b floats. Panels are walked in groups of blocks: a group of all images is
// small enough for a second sweep to find it in the cache that cores share.
// The cut depends on the shape alone, so sums per task, added in order, do not depend on the
// thread count. Not here: rows of many channels (RowChunks).

import ScrlBase
import ScrlTensor

struct Panels {
  let block: Int  // b
  let blocks: Int
  let images: Int
  private let size: Int  // floats of a panel
  private let pieceSize: Int
  private let pieces: Int  // per panel; 1 unless it is large
  private let imagesPerTask: Int  // when pieces = 1
  private let blocksPerGroup: Int

  /// - Parameter operands: tensors that a sweep reads.
  init?(_ shape: ActivationShape, operands: Int) {
    guard laneCount % shape.block == 0, shape.cells > 0, shape.images > 0 else { return nil }
    (block, blocks, images) = (shape.block, shape.blocks, shape.images)
    size = shape.cells * block
    let most = min(blocks, max(1, groupSize / operands / (size * images)))
    let groups = (blocks + most - 1) / most
    blocksPerGroup = (blocks + groups - 1) / groups
    pieceSize = taskSize
    pieces = (size + taskSize - 1) / taskSize
    imagesPerTask = max(1, taskSize / (size * blocksPerGroup))
  }

  var groups: Range<Int> { 0..<(blocks + blocksPerGroup - 1) / blocksPerGroup }

  /// The channels of a group.
  func channels(_ group: Int) -> Range<Int> {
    let all = blocksOf(group)
    return all.lowerBound * block..<all.upperBound * block
  }

  /// Calls body(offset, floats, block) for every part of the groups; a block is one body's at a
  /// time in parallel with others.
  func sweep(_ groups: Range<Int>, _ workers: Workers, _ body: (Int, Int, Int) -> Void) {
    workers.run(groups.count * tasksPerGroup) { index in
      let (group, task) = index.quotientAndRemainder(dividingBy: tasksPerGroup)
      forEachPart(task, of: blocksOf(groups.lowerBound + group), body)
    }
  }

  /// Adds two float64 sums per channel of the groups into `first` and `second`.
  /// body(offset, floats, block, sums) adds a part into 16 + 16 lanes.
  func sum(
    _ groups: Range<Int>, _ workers: Workers, into first: inout [Double],
    _ second: inout [Double],
    _ body: (Int, Int, Int, UnsafeMutablePointer<Double>) -> Void
  ) throws(ScrlError) {
    let places = pieces == 1 ? blocksPerGroup : 1  // blocks of one task
    let width = 2 * laneCount
    try withDoubleScratch(groups.count * tasksPerGroup * places * width) { partial in
      workers.run(groups.count * tasksPerGroup) { index in
        let (group, task) = index.quotientAndRemainder(dividingBy: tasksPerGroup)
        let sums = partial + index * places * width
        sums.update(repeating: 0, count: places * width)
        let range = blocksOf(groups.lowerBound + group)
        forEachPart(task, of: range) { offset, count, block in
          let place = pieces == 1 ? block - range.lowerBound : 0
          body(offset, count, block, sums + place * width)
        }
      }
      for (index, group) in groups.enumerated() {
        let sums = partial + index * tasksPerGroup * places * width
        fold(blocksOf(group), sums, places, into: &first, &second)
      }
    }
  }

  /// Adds the tasks of a group, in their order, to its channels.
  private func fold(
    _ group: Range<Int>, _ partial: UnsafePointer<Double>, _ places: Int,
    into first: inout [Double], _ second: inout [Double]
  ) {
    for (place, block) in group.enumerated() {
      var (one, two) = (WideLanes(), WideLanes())
      for task in 0..<tasksPerGroup where taskBlocks(task, group).contains(block) {
        let sums = partial + (task * places + (pieces == 1 ? place : 0)) * 2 * laneCount
        one += wideLanes(sums, 0)
        two += wideLanes(sums, laneCount)
      }
      for lane in 0..<laneCount {
        let channel = block * self.block + lane % self.block
        first[channel] += one[lane]
        second[channel] += two[lane]
      }
    }
  }

  private var tasksPerGroup: Int {
    pieces == 1
      ? (images + imagesPerTask - 1) / imagesPerTask : images * blocksPerGroup * pieces
  }

  private func blocksOf(_ group: Int) -> Range<Int> {
    group * blocksPerGroup..<min((group + 1) * blocksPerGroup, blocks)
  }

  /// The blocks that a task has parts of.
  private func taskBlocks(_ task: Int, _ group: Range<Int>) -> Range<Int> {
    if pieces == 1 { return group }
    let block = group.lowerBound + task / pieces % blocksPerGroup
    return block..<min(block + 1, max(block, group.upperBound))
  }

  /// The parts of a task, in memory order.
  @inline(__always)
  private func forEachPart(
    _ task: Int, of group: Range<Int>, _ body: (Int, Int, Int) -> Void
  ) {
    if pieces == 1 {
      for image in task * imagesPerTask..<min(images, (task + 1) * imagesPerTask) {
        for block in group { body((image * blocks + block) * size, size, block) }
      }
    } else {
      let (panel, piece) = task.quotientAndRemainder(dividingBy: pieces)
      let image = panel / blocksPerGroup
      for block in taskBlocks(task, group) {
        let first = piece * pieceSize
        body((image * blocks + block) * size + first, min(pieceSize, size - first), block)
      }
    }
  }
}

/// Floats: 128 KiB of each operand, well inside a core's own cache.
private let taskSize = 32_768

/// Floats of a group, over all its operands.
private let groupSize = 1 << 20
