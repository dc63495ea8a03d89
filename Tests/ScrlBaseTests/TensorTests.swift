// Storage that can refuse, shapes that are checked, layouts that come back.

import ScrlBase
@testable import ScrlTensor
import Testing

private func code(_ body: () throws(ScrlError) -> Void) -> ScrlError.Code? {
  do {
    try body()
    return nil
  } catch {
    return error.code
  }
}

@Suite("Tensor")
struct TensorTests {
  // 2^62 floats overflow an Int of bytes; 2^58 floats are 2^60 bytes, beyond 48-bit addresses;
  // three extents of 2^31 overflow the element count.
  @Test(
    "Absurd sizes are an error, not an abort",
    arguments: [[1 << 62], [1 << 58], [1 << 31, 1 << 31, 1 << 31]])
  func absurdSizes(shape: [Int]) throws {
    #expect(code { () throws(ScrlError) in _ = try Tensor(uninitialized: shape) } == .memory)
    let usable = try Tensor([1, 2, 3], shape: [3])  // and the pool still works
    #expect(usable.array == [1, 2, 3])
  }

  @Test("A negative extent or a wrong count is a shape error")
  func wrongShapes() throws {
    #expect(code { () throws(ScrlError) in _ = try Tensor(zeros: [2, -1]) } == .shape)
    #expect(code { () throws(ScrlError) in _ = try Tensor([1, 2], shape: [3]) } == .shape)
    let tensor = try Tensor(zeros: [2, 3])
    #expect(code { () throws(ScrlError) in _ = try tensor.reshaped([7]) } == .shape)
    #expect(try tensor.reshaped([3, 2]).pointer == tensor.pointer)
  }

  @Test("Storage is aligned to 64 bytes, whatever its size", arguments: [0, 1, 15, 16, 17, 1000])
  func alignment(count: Int) throws {
    let tensor = try Tensor(zeros: [count])
    #expect(UInt(bitPattern: tensor.pointer) % 64 == 0)
    #expect(tensor.count == count)
  }

  @Test("A freed buffer is given out again")
  func recycling() throws {
    let pool = BufferPool()
    let first = try pool.take(byteCount: 123_457)
    pool.giveBack(first, byteCount: 123_457)
    #expect(try pool.take(byteCount: 123_457) == first)
    #expect(pool.usage.inUse == 123_520 && pool.usage.peak == 123_520)
  }

  @Test("A steady pattern of buffers finds the same places; trimming gives all of it back")
  func arena() throws {
    let pool = BufferPool()
    func pattern() throws -> [UnsafeMutableRawPointer] {
      let sizes = [70_000_000, 3, 40_000_000, 90_000_000, 1 << 20]
      let taken = try sizes.map { try pool.take(byteCount: $0) }
      for (pointer, size) in zip(taken, sizes) {
        #expect(UInt(bitPattern: pointer) % 64 == 0)
        pointer.storeBytes(of: 7, toByteOffset: size - 1, as: UInt8.self)
      }
      for (pointer, size) in zip(taken, sizes) { pool.giveBack(pointer, byteCount: size) }
      return taken
    }
    _ = try pattern()  // grows
    #expect(try pattern() == pattern())
    pool.trim()
    _ = try pattern()
    #expect(pool.usage.inUse == 0)
  }

  @Test("Free blocks: the smallest that fits is cut, neighbours are joined")
  func freeBlocks() {
    let free = FreeBlocks()
    free.give(1000..<1100)
    free.give(2000..<2050)
    #expect(free.take(40) == 2010)
    #expect(free.take(60) == 1040)
    #expect(free.blocks == [1000..<1040, 2000..<2010])
    #expect(free.take(41) == nil)
    #expect([999, 1000, 1039, 2000].map { free.count(at: $0) } == [0, 40, 0, 10])
    free.give(1040..<2000)
    free.give(2010..<2050)
    #expect(free.blocks == [1000..<2050])
  }

  @Test("A copy shares nothing")
  func copies() throws {
    let tensor = try Tensor([1, 2, 3], shape: [3])
    let copy = try tensor.copied()
    copy.pointer[0] = 9
    #expect(tensor.array == [1, 2, 3])
  }

  @Test("Blocks and back give the same tensor", arguments: [1, 2, 4, 8, 16])
  func reorderRoundTrip(block: Int) throws {
    let shape = [3, 16, 5, 7]
    let values = (0..<3 * 16 * 5 * 7).map { Float($0) }
    let plain = try Tensor(values, shape: shape)
    let blocked = try plain.blocked(block, workers: Workers(2))
    #expect(blocked.layout == .blocked(block) && blocked.shape == shape)
    #expect(try blocked.plain(workers: Workers(2)).array == values)

    // Element (2,13,4,6) where the five extents say it is.
    let extents = try blocked.activationShape("test")
    let offset = extents.offset(image: 2, block: 13 / block, cell: 4 * 7 + 6) + 13 % block
    #expect(blocked.pointer[offset] == values[((2 * 16 + 13) * 5 + 4) * 7 + 6])
  }

  @Test("A block that does not divide the channels is refused")
  func wrongBlock() throws {
    let tensor = try Tensor(zeros: [1, 6, 2, 2])
    for block in [0, -2, 4, 12] {
      let got = code { () throws(ScrlError) in _ = try tensor.blocked(block, workers: Workers(1)) }
      #expect(got == .shape)
    }
  }
}
