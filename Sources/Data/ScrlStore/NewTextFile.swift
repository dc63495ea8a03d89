// A text file that appears whole or not at all, and JSON's spelling of strings and numbers.

import Glibc
import ScrlBase

/// Nothing stands under the final name before finish() has returned; let go, it leaves nothing.
package final class NewTextFile {
  private let path: String
  private let kind: OutputKind
  private let folder: String
  private let temporary: OpenFile
  private var pending: [UInt8] = []
  private var written = 0
  private var isRenamed = false

  /// - Parameter kind: what may stand under the name already, to be replaced.
  package init(path: String, replacing kind: OutputKind) throws(ScrlError) {
    let place = try checkedTarget(path, replacing: kind)
    self.kind = kind
    self.path = path
    folder = place.folder
    temporary = try createTemporary(folder: place.folder, name: place.name, for: path)
  }

  deinit { if !isRenamed { unlink(temporary.path) } }

  package func write(_ text: String) throws(ScrlError) { try write(Array(text.utf8)) }

  package func write(_ bytes: some Collection<UInt8>) throws(ScrlError) {
    pending += bytes
    if pending.count >= 1 << 20 { try flush() }
  }

  private func flush() throws(ScrlError) {
    let result = pending.withUnsafeBytes { bytes in
      Result { () throws(ScrlError) in try temporary.write(at: written, bytes) }
    }
    try result.get()
    written += pending.count
    pending.removeAll(keepingCapacity: true)
  }

  package func finish() throws(ScrlError) {
    try flush()
    try temporary.synchronize()
    _ = try checkedTarget(path, replacing: kind)
    guard rename(temporary.path, path) == 0 else { throw ioError("rename to \(path)") }
    isRenamed = true
    try synchronizeFolder(folder)
  }
}

/// The text in quotes, as RFC 8259 section 7 wants it.
package func jsonText(_ text: String) -> String {
  var bytes: [UInt8] = [UInt8(ascii: "\"")]
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
    case 0..<0x20:
      let digits = String(byte, radix: 16)
      bytes += Array("\\u00".utf8) + (digits.utf8.count < 2 ? [UInt8(ascii: "0")] : [])
      bytes += Array(digits.utf8)
    default: bytes.append(byte)
    }
  }
  bytes.append(UInt8(ascii: "\""))
  return String(decoding: bytes, as: UTF8.self)
}

/// The shortest decimal that means this finite number.
func jsonNumber(_ value: Double) -> String {
  guard abs(value) < 1e15, value == value.rounded() else { return value.description }
  return String(Int64(value))
}
