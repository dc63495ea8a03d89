// Checkpoint file, format 1: a container whose meaning the trainer knows. Little-endian.
//   /model/…, /optimizer/…   f32 datasets under weight names, '.' written as '/'
//   /training                attributes: i64, f64 or text scalars; text datasets for long texts
//   /metrics/…               f64 tables (n,k) with the text attribute `columns`, comma-separated
// Root attributes: format, format_version (i32), library_version. No time stamps: equal state
// gives equal bytes.
// Checksums: every dataset has the u32 attribute crc32c over its bytes. Every group with
// attributes, and the root, has the u32 attribute crc32c over them: for each attribute but crc32c
// itself, in bytewise order of names: name, 0, kind letter (i, f, s), 0, text of the value, 0;
// integers in decimal, reals as the 16 hex digits of their IEEE bits.
// Readers refuse versions they do not know.

import ScrlBase

package enum CheckpointFormat {
  static let name = "libscrl checkpoint"
  static let version: Int32 = 1
  static let checksumName = "crc32c"

  /// "/model" and "online.encoder.conv1.weight" → "/model/online/encoder/conv1/weight".
  package static func path(group: String, weight: String) -> String {
    group + "/"
      + weight.split(separator: ".", omittingEmptySubsequences: false)
      .joined(separator: "/")
  }

  /// "online/encoder/conv1/weight" → "online.encoder.conv1.weight".
  package static func weightName(path: String) -> String {
    path.split(separator: "/", omittingEmptySubsequences: false).joined(separator: ".")
  }

  static func checksum(of attributes: [String: AttributeValue]) -> UInt32 {
    var crc = CRC32C()
    let sorted = attributes.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    for (name, value) in sorted where name != checksumName {
      for part in [name, value.kindLetter, value.canonicalText] {
        (Array(part.utf8) + [0]).withUnsafeBytes { crc.update($0) }
      }
    }
    return crc.value
  }
}

extension AttributeValue {
  fileprivate var kindLetter: String {
    switch self {
    case .integer, .int32, .uint32: "i"
    case .real: "f"
    case .text: "s"
    }
  }

  fileprivate var canonicalText: String {
    switch self {
    case .integer(let value): return String(value)
    case .int32(let value): return String(value)
    case .uint32(let value): return String(value)
    case .text(let value): return value
    case .real(let value):
      let digits = String(value.bitPattern, radix: 16)
      return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
  }
}
