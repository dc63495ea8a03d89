// Reads one checkpoint (CheckpointFormat.swift). Opening checks format, version, structure and the
// attributes' checksums; reading a dataset checks its own; verify() checks all.

import ScrlBase

package final class CheckpointReader: Sendable {
  private let container: ContainerReader

  package init(path: String) throws(ScrlError) {
    container = try ContainerReader(
      path: path, format: CheckpointFormat.name, version: Int64(CheckpointFormat.version))
    let damaged = container.structure.attributes.first { group, values in
      guard container.structure.groups.contains(group) else { return false }
      let sum = CheckpointFormat.checksum(of: values)
      return values[CheckpointFormat.checksumName] != .integer(Int64(sum))
    }
    if let damaged {
      throw ScrlError(.format, "open \(path): attributes of \(damaged.key) are damaged (checksum)")
    }
  }

  package var path: String { container.path }

  package var libraryVersion: String? {
    guard case .text(let version) = attribute("/library_version") else { return nil }
    return version
  }

  /// All float32 datasets below the group, in bytewise order of names; names are relative to it,
  /// with '/'. Anything else below it, or anything unusable, is an error.
  package func floats(under group: String) throws(ScrlError) -> [(name: String, shape: [Int])] {
    let prefix = group == "/" ? "/" : group + "/"
    let names = container.structure.datasets.keys.filter { $0.hasPrefix(prefix) }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    var found: [(name: String, shape: [Int])] = []
    for name in names {
      let dataset = try container.dataset(name)
      guard case .float32 = dataset.type else {
        throw ScrlError(
          .format, "read \(path): \(name) is \(dataset.type.name), expected float32")
      }
      found.append((String(name.dropFirst(prefix.count)), dataset.shape))
    }
    return found
  }

  package func has(_ path: String) -> Bool {
    container.has(path) || container.structure.groups.contains(path) || attribute(path) != nil
  }

  package func shape(_ path: String) throws(ScrlError) -> [Int] {
    try container.dataset(path).shape
  }

  /// Fills the buffer with a float32 dataset of exactly its size, and of this shape if one is
  /// given. The buffer's content is undefined after an error.
  package func read(
    _ name: String, shape: [Int]? = nil, into values: UnsafeMutableBufferPointer<Float>
  ) throws(ScrlError) {
    let dataset = try container.dataset(name)
    guard case .float32 = dataset.type else {
      throw ScrlError(.format, "read \(path): \(name) is \(dataset.type.name), expected float32")
    }
    guard shape == nil || shape == dataset.shape, dataset.byteCount / 4 == values.count else {
      let expected = shape.map { "\($0)" } ?? "\(values.count) values"
      throw ScrlError(
        .shape, "read \(path): \(name) has shape \(dataset.shape), expected \(expected)")
    }
    try requireChecksum(dataset)
    try container.read(dataset, into: UnsafeMutableRawBufferPointer(values))
  }

  package func text(_ name: String) throws(ScrlError) -> String {
    if case .text(let text) = attribute(name) { return text }
    let dataset = try container.dataset(name, .text(byteCount: 1), rank: 0)
    try requireChecksum(dataset)
    guard let text = textOfBytes(try container.bytes(of: dataset)[...]) else {
      throw ScrlError(.format, "read \(path): \(name) is not UTF-8")
    }
    return text
  }

  package func integer(_ name: String) throws(ScrlError) -> Int64 {
    guard case .integer(let value) = attribute(name) else { throw missing(name, "integer") }
    return value
  }

  package func real(_ name: String) throws(ScrlError) -> Double {
    guard case .real(let value) = attribute(name) else { throw missing(name, "real") }
    return value
  }

  /// A text attribute.
  package func attributeText(_ name: String) throws(ScrlError) -> String {
    guard case .text(let value) = attribute(name) else { throw missing(name, "text") }
    return value
  }

  package func table(_ name: String) throws(ScrlError) -> (columns: [String], rows: [[Double]]) {
    let dataset = try container.dataset(name, .float64, rank: 2)
    try requireChecksum(dataset)
    guard case .text(let columns) = container.structure.attributes[name]?["columns"] else {
      throw missing(name + "/columns", "text")
    }
    let names = columns.split(separator: ",").map(String.init)
    guard names.count == dataset.shape[1] else {
      throw ScrlError(
        .format,
        "read \(path): \(name) has \(dataset.shape[1]) columns, names for \(names.count)")
    }
    let values = try container.integers(dataset, as: UInt64.self).map { Double(bitPattern: $0) }
    let rows = (0..<dataset.shape[0]).map { row in
      Array(values[row * names.count..<(row + 1) * names.count])
    }
    return (names, rows)
  }

  /// Reads everything and checks every checksum.
  package func verify() throws(ScrlError) {
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { piece.deallocate() }
    for name in container.structure.datasets.keys.sorted() {
      let dataset = try container.dataset(name)
      try requireChecksum(dataset)
      try container.verify(dataset, with: piece)
    }
  }

  private func attribute(_ path: String) -> AttributeValue? {
    let (group, name) = splitPath(path)
    return container.structure.attributes[group]?[name]
  }

  private func missing(_ name: String, _ kind: String) -> ScrlError {
    ScrlError(.format, "read \(path): \(kind) attribute \(name) is missing")
  }

  private func requireChecksum(_ dataset: StoredDataset) throws(ScrlError) {
    guard dataset.crc32c != nil else {
      throw ScrlError(.format, "read \(path): \(dataset.path) has no checksum")
    }
  }
}
