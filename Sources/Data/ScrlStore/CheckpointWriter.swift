// Writes one checkpoint (CheckpointFormat.swift). Nothing exists under the final name before
// finish() has returned; an unfinished writer leaves nothing behind.

import ScrlBase

package final class CheckpointWriter {
  package let path: String
  private var container: ContainerWriter?
  private var attributes: [String: [String: AttributeValue]] = [:]

  package init(path: String, libraryVersion: String) throws(ScrlError) {
    self.path = path
    container = try ContainerWriter(path: path, replacing: .checkpoint)
    attributes["/"] = [
      "format": .text(CheckpointFormat.name),
      "format_version": .int32(CheckpointFormat.version),
      "library_version": .text(libraryVersion),
    ]
  }

  /// Writes a float32 dataset, such as "/model/online/encoder/conv1/weight".
  package func write(
    _ path: String, shape: [Int], _ values: UnsafeBufferPointer<Float>
  ) throws(ScrlError) {
    try checkCount(path, shape, values.count)
    let bytes = UnsafeRawBufferPointer(values)
    let container = try open()
    let range = try container.spool(bytes)
    try container.add(path, .float32, shape: shape, spool: range, crc: CRC32C.of(bytes))
  }

  /// Writes a scalar text dataset.
  package func write(_ path: String, text: String) throws(ScrlError) {
    guard text.utf8.count <= 1 << 20, !text.utf8.contains(0) else {
      throw ScrlError(
        .argument, "write \(path): text of \(text.utf8.count) bytes, expected 1 MiB at most, no NUL"
      )
    }
    let bytes = text.isEmpty ? [0] : Array(text.utf8)
    try open().add(path, .text(byteCount: bytes.count), shape: [], bytes: bytes)
  }

  /// Writes an attribute: "/training/step" is `step` of the group /training.
  package func write(_ path: String, integer: Int64) throws(ScrlError) {
    try setAttribute(path, .integer(integer))
  }

  package func write(_ path: String, real: Double) throws(ScrlError) {
    try setAttribute(path, .real(real))
  }

  package func write(_ path: String, attribute text: String) throws(ScrlError) {
    guard text.utf8.count <= 4096, !text.utf8.contains(0) else {
      throw ScrlError(.argument, "write \(path): text attribute over 4096 bytes, or with NUL")
    }
    try setAttribute(path, .text(text))
  }

  /// Writes a float64 table of named columns, row by row.
  package func writeTable(_ path: String, columns: [String], rows: [[Double]]) throws(ScrlError) {
    guard !columns.isEmpty, columns.allSatisfy({ !$0.isEmpty && !$0.contains(",") }),
      rows.allSatisfy({ $0.count == columns.count })
    else {
      throw ScrlError(
        .argument, "write \(path): rows must have \(columns.count) values, names no commas")
    }
    let container = try open()
    let bits = rows.flatMap { $0.map(\.bitPattern) }
    try container.add(
      path, .float64, shape: [rows.count, columns.count], bytes: littleEndianBytes(bits))
    container.setAttribute(path, "columns", .text(columns.joined(separator: ",")))
  }

  package func finish() throws(ScrlError) {
    let container = try open()
    self.container = nil
    for (group, values) in attributes.sorted(by: { $0.key < $1.key }) {
      if group != "/" { try container.addGroup(group) }
      for (name, value) in values.sorted(by: { $0.key < $1.key }) {
        container.setAttribute(group, name, value)
      }
      container.setAttribute(
        group, CheckpointFormat.checksumName, .uint32(CheckpointFormat.checksum(of: values)))
    }
    try container.finish()
  }

  private func open() throws(ScrlError) -> ContainerWriter {
    guard let container else { throw ScrlError(.state, "write \(path): is finished already") }
    return container
  }

  private func setAttribute(_ path: String, _ value: AttributeValue) throws(ScrlError) {
    _ = try open()
    try checkObjectPath(path)
    let (group, name) = splitPath(path)
    guard name != CheckpointFormat.checksumName, attributes[group]?[name] == nil else {
      throw ScrlError(.argument, "write \(path): the name is taken already")
    }
    attributes[group, default: [:]][name] = value
  }

  private func checkCount(_ path: String, _ shape: [Int], _ count: Int) throws(ScrlError) {
    var product = 1
    for side in shape {
      let (next, overflow) = product.multipliedReportingOverflow(by: side)
      guard side >= 0, !overflow, shape.count <= 32 else {
        throw ScrlError(.argument, "write \(path): shape \(shape) is not one")
      }
      product = next
    }
    guard product == count else {
      throw ScrlError(.argument, "write \(path): \(count) values, shape \(shape) has \(product)")
    }
  }
}
