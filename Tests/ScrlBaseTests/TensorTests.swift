// Storage that can refuse, shapes that are checked, layouts that come back.

import ScrlBase
import ScrlTensor
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

  // The size is one that nothing else asks for, so that parallel tests cannot take the buffer.
  @Test("A freed buffer is given out again")
  func recycling() throws {
    let count = 123_457
    var first: Tensor? = try Tensor(uninitialized: [count])
    let address = first!.pointer
    first = nil
    let second = try Tensor(uninitialized: [count])
    #expect(second.pointer == address)
    #expect(BufferPool.shared.usage.peak >= count * 4)
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
