// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), eight bytes a step by eight tables.
// Check value: "123456789" → 0xE3069283 (RFC 3720, B.4).

/// A running CRC-32C.
package struct CRC32C: Sendable {
  private var state: UInt32 = 0xFFFF_FFFF

  package init() {}

  package var value: UInt32 { ~state }

  package static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var crc = CRC32C()
    crc.update(bytes)
    return crc.value
  }

  package static func of(_ bytes: [UInt8]) -> UInt32 {
    bytes.withUnsafeBytes { of($0) }
  }

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    state = CRC32C.tables.withUnsafeBufferPointer { table in
      advance(state, over: bytes, table)
    }
  }
}

extension CRC32C {
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for index in 0..<256 {
      var value = UInt32(index)
      for _ in 0..<8 { value = (value >> 1) ^ (value & 1 == 1 ? 0x82F6_3B78 : 0) }
      tables[index] = value
    }
    for index in 256..<tables.count {
      let before = tables[index - 256]
      tables[index] = (before >> 8) ^ tables[Int(before & 0xFF)]
    }
    return tables
  }()
}

private func advance(
  _ start: UInt32, over bytes: UnsafeRawBufferPointer, _ table: UnsafeBufferPointer<UInt32>
) -> UInt32 {
  var crc = start
  var position = 0
  while position &+ 8 <= bytes.count {
    let word = UInt64(
      littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    let mixed = word ^ UInt64(crc)
    crc = 0
    for lane in 0..<8 {
      let byte = Int(truncatingIfNeeded: mixed >> (8 &* UInt64(lane))) & 0xFF
      crc ^= table[(7 &- lane) &* 256 &+ byte]
    }
    position &+= 8
  }
  while position < bytes.count {
    crc = (crc >> 8) ^ table[Int((crc ^ UInt32(bytes[position])) & 0xFF)]
    position &+= 1
  }
  return crc
}
