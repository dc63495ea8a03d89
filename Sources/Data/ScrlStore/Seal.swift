// The seal: what our writers append behind HDF5's end of file, so that a damaged structure is found
// before HDF5 parses it (1.10 can crash on one, or fail to close it). HDF5 and its tools pass over
// it; a program that changes the file cuts it off, and then the file is read without.
// Little-endian: k × (u64 offset, u64 size), the ranges of raw values, in order, not touching;
// then the foot: "SCRLSEAL", u64 k, u64 HDF5's end, u32 CRC-32C of every byte before that end but
// the raw values, u32 CRC-32C of the seal up to here.

import ScrlBase

enum Seal {
  private static let magic = Array("SCRLSEAL".utf8)
  private static let footByteCount = 32

  /// Appends the seal; `values` are the places of raw values, in any order.
  static func append(to file: OpenFile, values: [Range<Int>]) throws(ScrlError) {
    let end = try file.byteCount()
    let ranges = merged(values)
    var seal = littleEndianBytes(
      ranges.flatMap { [UInt64($0.lowerBound), UInt64($0.count)] })
    seal += magic + littleEndianBytes([UInt64(ranges.count), UInt64(end)])
    seal += littleEndianBytes([try structureChecksum(file, end: end, values: ranges)])
    seal += littleEndianBytes([CRC32C.of(seal)])
    let result = seal.withUnsafeBytes { bytes in
      Result { () throws(ScrlError) in try file.write(at: end, bytes) }
    }
    try result.get()
  }

  /// Checks the seal of a file, if it has one. A superblock that only says that another program has
  /// the file open counts as the one that we wrote.
  static func check(
    _ file: OpenFile, _ superblock: Superblock, byteCount: Int
  ) throws(ScrlError) {
    let end = superblock.end
    guard end < byteCount else { return }
    let damaged = ScrlError(.format, "open \(file.path): is damaged or cut short (seal)")
    guard byteCount - end >= footByteCount, (byteCount - end) % 16 == 0,
      byteCount - end <= 64 << 20
    else {
      if superblock.isMarkedOpen { return }  // it has begun to write behind the end
      throw damaged
    }
    var seal = [UInt8](repeating: 0, count: byteCount - end)
    let result = seal.withUnsafeMutableBytes { bytes in
      Result { () throws(ScrlError) in try file.read(at: end, into: bytes) }
    }
    guard try result.get() == seal.count else { throw damaged }
    let foot = seal.count - footByteCount
    func number<Number: FixedWidthInteger>(at position: Int, _: Number.Type) -> Number {
      seal.withUnsafeBytes {
        Number(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: Number.self))
      }
    }
    guard Array(seal[foot..<foot + 8]) == magic,
      number(at: foot + 8, UInt64.self) == UInt64(foot / 16),
      number(at: foot + 16, UInt64.self) == UInt64(end),
      number(at: foot + 28, UInt32.self) == CRC32C.of(Array(seal.dropLast(4)))
    else {
      if superblock.isMarkedOpen { return }
      throw damaged
    }
    var ranges: [Range<Int>] = []
    var reached = 0
    for index in 0..<foot / 16 {
      let offset = number(at: 16 * index, UInt64.self)
      let size = number(at: 16 * index + 8, UInt64.self)
      guard offset >= reached, offset <= end, size <= UInt64(end) - offset else { throw damaged }
      reached = Int(offset + size)
      ranges.append(Int(offset)..<reached)
    }
    let sum = try structureChecksum(
      file, end: end, values: ranges, head: superblock.closed)
    guard number(at: foot + 24, UInt32.self) == sum else {
      throw ScrlError(.format, "open \(file.path): its structure is damaged (checksum)")
    }
  }

  private static func merged(_ values: [Range<Int>]) -> [Range<Int>] {
    var result: [Range<Int>] = []
    for range in values.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
      if let last = result.last, last.upperBound >= range.lowerBound {
        result[result.count - 1] =
          last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        result.append(range)
      }
    }
    return result
  }

  /// - Parameter head: what stands for the file's first bytes.
  private static func structureChecksum(
    _ file: OpenFile, end: Int, values: [Range<Int>], head: [UInt8] = []
  ) throws(ScrlError) -> UInt32 {
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 64)
    defer { piece.deallocate() }
    var crc = CRC32C()
    var position = 0
    for range in values + [end..<end] {
      while position < range.lowerBound {
        let part = UnsafeMutableRawBufferPointer(
          rebasing: piece[0..<min(piece.count, range.lowerBound - position)])
        guard try file.read(at: position, into: part) == part.count else {
          throw ScrlError(.io, "read \(file.path): the file was cut short meanwhile")
        }
        for place in position..<max(position, min(head.count, position + part.count)) {
          part[place - position] = head[place]
        }
        crc.update(UnsafeRawBufferPointer(part))
        position += part.count
      }
      position = max(position, range.upperBound)
    }
    return crc.value
  }
}
