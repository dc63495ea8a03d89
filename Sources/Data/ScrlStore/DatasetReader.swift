// Reads dataset files (DatasetFormat.swift). Opening reads the index; samples are pread from the
// blob's place in the file by any number of threads, without HDF5. Not here: decoding.

import Glibc
import ScrlBase

package final class DatasetReader: Sendable {
  package let path: String
  /// The path from the root, links resolved: where another process finds the file.
  package let absolutePath: String
  package let classes: [String]
  /// COCO category ids of the classes, −1 where one has none; empty when the file has no such list.
  package let classIDs: [Int32]
  /// Identity of the image content: the same samples in the same order, wherever the file lies.
  package let fingerprint: UInt64

  private let file: OpenFile
  private let blobOffset: Int
  private let offsets: [UInt64]  // (n+1)
  private let checksums: [UInt32]
  private let sizes: [UInt32]  // (n,2)
  private let labels: [Int32]?
  private let imageIDs: [Int64]  // empty: none
  private let names: FixedTexts?
  private let boxes: BoxIndex?

  package init(path: String) throws(ScrlError) {
    let container = try ContainerReader(
      path: path, format: DatasetFormat.name, version: Int64(DatasetFormat.version))
    let index = try ImageIndex(container)
    self.path = path
    absolutePath = resolved(path)
    file = container.file
    blobOffset = index.blobOffset
    offsets = index.offsets
    checksums = index.checksums
    sizes = index.sizes
    labels = try readLabels(container, count: index.checksums.count)
    classes = try FixedTexts(container, "/classes")?.all ?? []
    classIDs = try readIDs(container, "/class_ids", .int32, count: classes.count, Int32.self)
    imageIDs = try readIDs(
      container, "/images/id", .int64, count: index.checksums.count, Int64.self)
    names = try FixedTexts(container, "/images/name", count: index.checksums.count)
    boxes = try BoxIndex(container, index)
    fingerprint = index.fingerprint
  }

  /// Identity of the images' labels.
  package var labelFingerprint: UInt64 {
    var hash = FNV1a()
    hash.update(labels ?? [])
    return hash.value
  }

  package var count: Int { checksums.count }
  package var hasLabels: Bool { labels != nil }
  package var hasBoxes: Bool { boxes != nil }

  // Indices below are the caller's to keep in 0..<count; readJPEG and checkIndex throw.

  package func checkIndex(_ index: Int) throws(ScrlError) {
    guard index >= 0, index < count else {
      throw ScrlError(
        .argument, "read sample \(index) of \(path): expected an index in 0..<\(count)")
    }
  }

  package func size(of index: Int) -> (height: Int, width: Int) {
    (Int(sizes[2 * index]), Int(sizes[2 * index + 1]))
  }

  package func byteCount(of index: Int) -> Int { Int(offsets[index + 1] - offsets[index]) }

  package func label(of index: Int) -> Int32? {
    guard let label = labels?[index], label >= 0 else { return nil }
    return label
  }

  /// The image's COCO id.
  package func imageID(of index: Int) -> Int64? {
    imageIDs.isEmpty || imageIDs[index] < 0 ? nil : imageIDs[index]
  }

  /// The file name by which the image's annotations called it.
  package func name(of index: Int) -> String? {
    guard let name = names?[index], !name.isEmpty else { return nil }
    return name
  }

  /// Classes that images can have: the names, or up to the largest label; 0 without any label.
  package var labelledClassCount: Int {
    guard let largest = labels?.max(), largest >= 0 else { return 0 }
    return max(classes.count, Int(largest) + 1)
  }

  package func boxes(of index: Int) -> [AnnotatedBox] { boxes?.boxes(of: index) ?? [] }

  /// The sample's JPEG stream, checked; the array's old storage is used again where it fits.
  package func readJPEG(_ index: Int, into bytes: inout [UInt8]) throws(ScrlError) {
    try checkIndex(index)
    let wanted = byteCount(of: index)
    bytes.setCount(wanted)
    let offset = blobOffset + Int(offsets[index])
    let result = bytes.withUnsafeMutableBytes { bytes in
      Result { () throws(ScrlError) in
        guard try file.read(at: offset, into: bytes) == wanted else {
          throw ScrlError(
            .data, "read sample \(index) of \(path): the file ends before it (cut since opening?)")
        }
        guard CRC32C.of(UnsafeRawBufferPointer(bytes)) == checksums[index] else {
          throw ScrlError(.data, "read sample \(index) of \(path): damaged (checksum)")
        }
      }
    }
    try result.get()
  }
}

/// `/images/*` but ids and names, read and checked.
struct ImageIndex {
  let blobOffset: Int
  let offsets: [UInt64]
  let checksums: [UInt32]
  let sizes: [UInt32]

  init(_ container: ContainerReader) throws(ScrlError) {
    let blob = try container.dataset("/images/bytes", .uint8, rank: 1)
    blobOffset = blob.offset
    let crc = try container.dataset("/images/crc32c", .uint32, rank: 1)
    let count = crc.shape[0]
    let offset = try container.dataset("/images/offset", .uint64, rank: 1)
    let size = try container.dataset("/images/size", .uint32, rank: 2)
    try expectShape(container, offset, [count + 1])
    try expectShape(container, size, [count, 2])
    checksums = try container.integers(crc, as: UInt32.self)
    sizes = try container.integers(size, as: UInt32.self)
    offsets = try readOffsets(container, offset, end: blob.byteCount)
    let sides = 1...UInt32(DatasetFormat.longestSide)
    if let bad = sizes.firstIndex(where: { !sides.contains($0) }) {
      throw ScrlError(
        .format, "open \(container.path): image \(bad / 2) has a side of \(sizes[bad]) pixels")
    }
  }

  var fingerprint: UInt64 {
    var hash = FNV1a()
    hash.update([UInt64(checksums.count)])
    hash.update(offsets)
    hash.update(checksums)
    return hash.value
  }
}

private func readLabels(_ container: ContainerReader, count: Int) throws(ScrlError) -> [Int32]? {
  guard container.has("/labels") else { return nil }
  let dataset = try container.dataset("/labels", .int32, rank: 1)
  try expectShape(container, dataset, [count])
  let labels = try container.integers(dataset, as: Int32.self)
  if let bad = labels.firstIndex(where: { $0 < -1 }) {
    throw ScrlError(
      .format, "open \(container.path): /labels[\(bad)] is \(labels[bad]), expected −1 or more")
  }
  return labels
}

/// Ids of 0 or more, −1 where there is none; empty when the dataset is not there.
private func readIDs<ID: FixedWidthInteger & SignedInteger>(
  _ container: ContainerReader, _ path: String, _ type: ElementType, count: Int, _: ID.Type
) throws(ScrlError) -> [ID] {
  guard container.has(path) else { return [] }
  let dataset = try container.dataset(path, type, rank: 1)
  try expectShape(container, dataset, [count])
  let ids = try container.integers(dataset, as: ID.self)
  if let bad = ids.firstIndex(where: { $0 < -1 }) {
    throw ScrlError(
      .format, "open \(container.path): \(path)[\(bad)] is \(ids[bad]), expected −1 or more")
  }
  return ids
}

func expectShape(
  _ container: ContainerReader, _ dataset: StoredDataset, _ shape: [Int]
) throws(ScrlError) {
  guard dataset.shape == shape else {
    throw ScrlError(
      .format,
      "open \(container.path): \(dataset.path) has shape \(dataset.shape), expected \(shape)")
  }
}

/// Offsets that begin at 0, never fall, and end at `end`.
func readOffsets(
  _ container: ContainerReader, _ dataset: StoredDataset, end: Int
) throws(ScrlError) -> [UInt64] {
  let offsets = try container.integers(dataset, as: UInt64.self)
  func refuse(_ reason: String) -> ScrlError {
    ScrlError(.format, "open \(container.path): \(dataset.path) \(reason)")
  }
  guard offsets.first == 0 else { throw refuse("does not begin with 0") }
  if let fall = zip(offsets, offsets.dropFirst()).enumerated().first(where: { $1.0 > $1.1 }) {
    throw refuse("falls after entry \(fall.offset): \(fall.element.0) → \(fall.element.1)")
  }
  guard offsets.last == UInt64(end) else {
    throw refuse("ends at \(offsets.last ?? 0), expected \(end)")
  }
  return offsets
}

/// FNV-1a, 64 bits, over little-endian numbers.
private struct FNV1a {
  var value: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func update<Element: FixedWidthInteger>(_ numbers: [Element]) {
    for number in numbers {
      for shift in stride(from: 0, to: Element.bitWidth, by: 8) {
        value = (value ^ UInt64(UInt8(truncatingIfNeeded: number >> shift))) &* 0x100_0000_01B3
      }
    }
  }
}
