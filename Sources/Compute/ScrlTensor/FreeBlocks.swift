// Free memory as blocks of addresses: the smallest that fits is cut, neighbours are joined.

final class FreeBlocks {
  private(set) var blocks: [Range<UInt>] = []  // by address, never touching

  /// Takes `size` bytes from the end of the smallest block that has them: what is left of it lies
  /// where memory that the system gives next will begin.
  func take(_ size: Int) -> UInt? {
    var best: Int?
    for (index, block) in blocks.enumerated() where block.count >= size {
      if let found = best, blocks[found].count <= block.count { continue }
      best = index
    }
    guard let best else { return nil }
    let block = blocks[best]
    let start = block.upperBound - UInt(size)
    if start == block.lowerBound {
      blocks.remove(at: best)
    } else {
      blocks[best] = block.lowerBound..<start
    }
    return start
  }

  /// Bytes of the block that begins at `address`; 0 where none does.
  func count(at address: UInt) -> Int {
    let next = firstAbove(address)
    guard next > 0, blocks[next - 1].lowerBound == address else { return 0 }
    return blocks[next - 1].count
  }

  func give(_ block: Range<UInt>) {
    let next = firstAbove(block.lowerBound)
    let joinsPrevious = next > 0 && blocks[next - 1].upperBound == block.lowerBound
    let joinsNext = next < blocks.count && blocks[next].lowerBound == block.upperBound
    switch (joinsPrevious, joinsNext) {
    case (true, true):
      blocks[next - 1] = blocks[next - 1].lowerBound..<blocks[next].upperBound
      blocks.remove(at: next)
    case (true, false): blocks[next - 1] = blocks[next - 1].lowerBound..<block.upperBound
    case (false, true): blocks[next] = block.lowerBound..<blocks[next].upperBound
    case (false, false): blocks.insert(block, at: next)
    }
  }

  /// Takes all of them out.
  func takeAll() -> [Range<UInt>] {
    defer { blocks = [] }
    return blocks
  }

  private func firstAbove(_ address: UInt) -> Int {
    var (low, high) = (0, blocks.count)
    while low < high {
      let middle = (low + high) / 2
      if blocks[middle].lowerBound > address { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
