// Reads dataset files (DatasetFormat.swift). Opening reads the index; samples are pread from the
// blob's place in the file by any number of threads, without HDF5. Not here: decoding.

import Glibc
import ScrlBase

package final class DatasetReader: Sendable {
  package let path: String
  /// The path from the root, links resolved: where another process finds the file.
  package let absolutePath: String
  package let classes: [String]
  /// Identity of the image content: the same samples in the same order, wherever the file lies.
  package let fingerprint: UInt64

  private let file: OpenFile
  private let blobOffset: Int
  private let offsets: [UInt64]  // (n+1)
  private let checksums: [UInt32]
  private let sizes: [UInt32]  // (n,2)
  private let labels: [Int32]?
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
    classes = try readClasses(container)
    boxes = try BoxIndex(container, imageCount: index.checksums.count)
    fingerprint = index.fingerprint
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

/// `/images/*`, read and checked.
private struct ImageIndex {
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

/// `/boxes/*` and `/masks/*`, read and checked.
private struct BoxIndex: Sendable {
  private let offsets: [UInt64]  // (n+1)
  private let coordinates: [UInt32]  // (m,4) bit patterns
  private let labels: [Int32]
  private let maskOffsets: [UInt64]  // (m+1), or empty
  private let maskCounts: [UInt8]

  init?(_ container: ContainerReader, imageCount: Int) throws(ScrlError) {
    guard container.structure.groups.contains("/boxes") else { return nil }
    let offset = try container.dataset("/boxes/offset", .uint64, rank: 1)
    let coordinate = try container.dataset("/boxes/coordinates", .float32, rank: 2)
    let label = try container.dataset("/boxes/label", .int32, rank: 1)
    let m = label.shape[0]
    try expectShape(container, offset, [imageCount + 1])
    try expectShape(container, coordinate, [m, 4])
    offsets = try readOffsets(container, offset, end: m)
    coordinates = try container.integers(coordinate, as: UInt32.self)
    labels = try container.integers(label, as: Int32.self)
    guard coordinates.allSatisfy({ Float(bitPattern: $0).isFinite }) else {
      throw ScrlError(.format, "open \(container.path): /boxes/coordinates are not all finite")
    }
    guard container.structure.groups.contains("/masks") else {
      (maskOffsets, maskCounts) = ([], [])
      return
    }
    let maskOffset = try container.dataset("/masks/offset", .uint64, rank: 1)
    let counts = try container.dataset("/masks/counts", .uint8, rank: 1)
    try expectShape(container, maskOffset, [m + 1])
    maskOffsets = try readOffsets(container, maskOffset, end: counts.byteCount)
    maskCounts = try container.bytes(of: counts)
    guard maskCounts.allSatisfy({ (48...111).contains($0) }) else {
      throw ScrlError(
        .format, "open \(container.path): /masks/counts is not COCO compressed run lengths")
    }
  }

  func boxes(of image: Int) -> [AnnotatedBox] {
    (Int(offsets[image])..<Int(offsets[image + 1])).map { box in
      let corner = { (index: Int) in Float(bitPattern: coordinates[4 * box + index]) }
      return AnnotatedBox(
        x0: corner(0), y0: corner(1), x1: corner(2), y1: corner(3),
        label: labels[box], mask: mask(of: box))
    }
  }

  private func mask(of box: Int) -> String? {
    guard !maskOffsets.isEmpty else { return nil }
    let range = Int(maskOffsets[box])..<Int(maskOffsets[box + 1])
    return range.isEmpty ? nil : String(decoding: maskCounts[range], as: UTF8.self)
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

private func readClasses(_ container: ContainerReader) throws(ScrlError) -> [String] {
  guard container.has("/classes") else { return [] }
  let dataset = try container.dataset("/classes", .text(byteCount: 1), rank: 1)
  let bytes = try container.bytes(of: dataset)
  let width = dataset.type.byteCount
  var names: [String] = []
  for index in 0..<dataset.shape[0] {
    guard let name = textOfBytes(bytes[index * width..<(index + 1) * width]) else {
      throw ScrlError(.format, "open \(container.path): /classes[\(index)] is not UTF-8")
    }
    names.append(name)
  }
  return names
}

private func expectShape(
  _ container: ContainerReader, _ dataset: StoredDataset, _ shape: [Int]
) throws(ScrlError) {
  guard dataset.shape == shape else {
    throw ScrlError(
      .format,
      "open \(container.path): \(dataset.path) has shape \(dataset.shape), expected \(shape)")
  }
}

/// Offsets that begin at 0, never fall, and end at `end`.
private func readOffsets(
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

private func resolved(_ path: String) -> String {
  guard let text = realpath(path, nil) else { return path }
  defer { free(text) }
  return String(cString: text)
}
