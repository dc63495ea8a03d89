// The head of an HDF5 file, read before HDF5 is: it may run over its own feet on a file that is
// shorter than its superblock says. Versions 2 and 3 have consistency flags, which a program sets
// when it opens the file for writing and clears when it closes it; they change nothing else.
// Source: HDF5 File Format Specification 3.0, II.A; Bob Jenkins, lookup3.c (the checksum).

import ScrlBase

struct Superblock {
  static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
  /// What is said of a file whose flags are set.
  static let openElsewhere = "another program has it open for writing, or left it open"

  let end: Int  // of HDF5's part of the file
  let isMarkedOpen: Bool
  /// Flags and checksum as they are when nobody has the file open; empty when they are already.
  let closed: [UInt8]

  /// - Parameter format: what the file is expected to be, for the text that tells what it is.
  init(of file: OpenFile, byteCount: Int, format: String) throws(ScrlError) {
    func refuse(_ reason: String) -> ScrlError {
      ScrlError(.format, "open \(file.path): \(reason)")
    }
    let head = try file.head(4096)
    guard head.starts(with: Superblock.signature) else {
      throw refuse(FileKind(head: head).explanation(wanted: WantedFile(format: format)))
    }
    guard head.count >= 48 else { throw refuse("is cut short: \(byteCount) bytes") }
    let isOld = head[8] < 2
    guard head[8] <= 3, head[isOld ? 13 : 9] == 8, head[isOld ? 14 : 10] == 8 else {
      throw refuse("has a superblock that this library does not read")
    }
    func number(at position: Int) -> UInt64 {
      head.withUnsafeBytes {
        UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: UInt64.self))
      }
    }
    let base = isOld ? (head[8] == 0 ? 24 : 28) : 12
    guard number(at: base) == 0 else { throw refuse("begins with a user block, expected none") }
    isMarkedOpen = !isOld && head[11] & 0b101 != 0
    let end = number(at: isOld ? base + 16 : 28)
    guard end <= UInt64(byteCount) else {
      throw refuse(
        "is cut short: \(byteCount) bytes, its header says \(end)"
          + (isMarkedOpen ? "; \(Superblock.openElsewhere)" : ""))
    }
    self.end = Int(end)
    if isMarkedOpen {
      let fields = Array(head[0..<11]) + [0] + head[12..<44]
      closed = fields + littleEndianBytes([lookup3(fields)])
    } else {
      closed = []
    }
  }
}

/// Jenkins' hash of bytes, as HDF5 checks its metadata with it.
private func lookup3(_ bytes: [UInt8]) -> UInt32 {
  func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
  func word(_ index: Int) -> UInt32 {
    (0..<4).reduce(0) { sum, place in
      let at = 4 * index + place
      return sum | (at < bytes.count ? UInt32(bytes[at]) << UInt32(8 * place) : 0)
    }
  }
  var a = 0xDEAD_BEEF &+ UInt32(bytes.count)
  var (b, c) = (a, a)
  var (start, left) = (0, bytes.count)
  while left > 12 {
    a &+= word(start)
    b &+= word(start + 1)
    c &+= word(start + 2)
    for (one, two, three) in [(4, 6, 8), (16, 19, 4)] as [(UInt32, UInt32, UInt32)] {
      a = (a &- c) ^ rotate(c, one)
      c &+= b
      b = (b &- a) ^ rotate(a, two)
      a &+= c
      c = (c &- b) ^ rotate(b, three)
      b &+= a
    }
    (start, left) = (start + 3, left - 12)
  }
  guard left > 0 else { return c }
  a &+= word(start)
  b &+= word(start + 1)
  c &+= word(start + 2)
  c = (c ^ b) &- rotate(b, 14)
  a = (a ^ c) &- rotate(c, 11)
  b = (b ^ a) &- rotate(a, 25)
  c = (c ^ b) &- rotate(b, 16)
  a = (a ^ c) &- rotate(c, 4)
  b = (b ^ a) &- rotate(a, 14)
  c = (c ^ b) &- rotate(b, 24)
  return c
}
