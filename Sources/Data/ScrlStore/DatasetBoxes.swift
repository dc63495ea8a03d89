// What a DatasetReader knows of boxes and names (DatasetFormat.swift): `/boxes/*`, `/masks/*` and
// lists of fixed-length text, read whole at opening and checked.

import ScrlBase
import ScrlImage

struct BoxIndex: Sendable {
  private let offsets: [UInt64]  // (n+1)
  private let coordinates: [UInt32]  // (m,4) bit patterns
  private let labels: [Int32]
  private let areas: [UInt32]  // (m) bit patterns, or empty
  private let flags: [UInt8]  // (m), or empty
  private let maskOffsets: [UInt64]  // (m+1), or empty
  private let maskCounts: [UInt8]

  init?(_ container: ContainerReader, _ images: ImageIndex) throws(ScrlError) {
    guard container.structure.groups.contains("/boxes") else { return nil }
    let offset = try container.dataset("/boxes/offset", .uint64, rank: 1)
    let coordinate = try container.dataset("/boxes/coordinates", .float32, rank: 2)
    let label = try container.dataset("/boxes/label", .int32, rank: 1)
    let m = label.shape[0]
    try expectShape(container, offset, [images.checksums.count + 1])
    try expectShape(container, coordinate, [m, 4])
    offsets = try readOffsets(container, offset, end: m)
    coordinates = try container.integers(coordinate, as: UInt32.self)
    labels = try container.integers(label, as: Int32.self)
    areas = try readAreas(container, count: m)
    flags = try readFlags(container, count: m)
    if container.structure.groups.contains("/masks") {
      let maskOffset = try container.dataset("/masks/offset", .uint64, rank: 1)
      let counts = try container.dataset("/masks/counts", .uint8, rank: 1)
      try expectShape(container, maskOffset, [m + 1])
      maskOffsets = try readOffsets(container, maskOffset, end: counts.byteCount)
      maskCounts = try container.bytes(of: counts)
    } else {
      (maskOffsets, maskCounts) = ([], [])
    }
    guard coordinates.allSatisfy({ Float(bitPattern: $0).isFinite }) else {
      throw ScrlError(.format, "open \(container.path): /boxes/coordinates are not all finite")
    }
    if let bad = labels.firstIndex(where: { $0 < -1 }) {
      throw ScrlError(
        .format,
        "open \(container.path): /boxes/label[\(bad)] is \(labels[bad]), expected −1 or more")
    }
    try checkMasks(container, images)
  }

  func boxes(of image: Int) -> [AnnotatedBox] {
    (Int(offsets[image])..<Int(offsets[image + 1])).map { box in
      let corner = { (index: Int) in Float(bitPattern: coordinates[4 * box + index]) }
      let area = areas.isEmpty ? Float.nan : Float(bitPattern: areas[box])
      return AnnotatedBox(
        x0: corner(0), y0: corner(1), x1: corner(2), y1: corner(3),
        label: labels[box], mask: mask(of: box), area: area.isNaN ? nil : area,
        flags: flags.isEmpty ? [] : BoxFlags(rawValue: flags[box]))
    }
  }

  private func mask(of box: Int) -> String? {
    guard !maskOffsets.isEmpty else { return nil }
    let range = Int(maskOffsets[box])..<Int(maskOffsets[box + 1])
    return range.isEmpty ? nil : String(decoding: maskCounts[range], as: UTF8.self)
  }

  /// Every mask is run lengths that fill its image, so that nobody has to check again.
  private func checkMasks(_ container: ContainerReader, _ images: ImageIndex) throws(ScrlError) {
    guard !maskOffsets.isEmpty else { return }
    let failure = maskCounts.withUnsafeBufferPointer { counts -> ScrlError? in
      for image in 0..<images.checksums.count {
        let (height, width) = (Int(images.sizes[2 * image]), Int(images.sizes[2 * image + 1]))
        for box in Int(offsets[image])..<Int(offsets[image + 1]) {
          let range = Int(maskOffsets[box])..<Int(maskOffsets[box + 1])
          guard !range.isEmpty else { continue }
          do throws(ScrlError) {
            _ = try RunLengths(
              compressed: UnsafeBufferPointer(rebasing: counts[range]), height: height,
              width: width)
          } catch {
            let place = "the mask of box \(box), in image \(image)"
            return ScrlError(.format, "open \(container.path): \(place): \(error.message)")
          }
        }
      }
      return nil
    }
    if let failure { throw failure }
  }
}

private func readAreas(_ container: ContainerReader, count: Int) throws(ScrlError) -> [UInt32] {
  guard container.has("/boxes/area") else { return [] }
  let dataset = try container.dataset("/boxes/area", .float32, rank: 1)
  try expectShape(container, dataset, [count])
  let areas = try container.integers(dataset, as: UInt32.self)
  let bad = areas.firstIndex { bits in
    let area = Float(bitPattern: bits)
    return !area.isNaN && !(area >= 0 && area.isFinite)
  }
  if let bad {
    let got = Float(bitPattern: areas[bad])
    throw ScrlError(
      .format,
      "open \(container.path): /boxes/area[\(bad)] is \(got), expected finite and 0 or more")
  }
  return areas
}

private func readFlags(_ container: ContainerReader, count: Int) throws(ScrlError) -> [UInt8] {
  guard container.has("/boxes/flags") else { return [] }
  let dataset = try container.dataset("/boxes/flags", .uint8, rank: 1)
  try expectShape(container, dataset, [count])
  let flags = try container.bytes(of: dataset)
  if let bad = flags.firstIndex(where: { !BoxFlags(rawValue: $0).isSubset(of: .known) }) {
    let wanted = "those of \(BoxFlags.known.rawValue)"
    throw ScrlError(
      .format,
      "open \(container.path): /boxes/flags[\(bad)] is \(flags[bad]), expected \(wanted)")
  }
  return flags
}

/// A list of zero-padded text, kept as its bytes and checked to be UTF-8.
struct FixedTexts: Sendable {
  private let bytes: [UInt8]
  private let width: Int
  let count: Int

  /// Nil when the dataset is not there. A `count` is what it must have.
  init?(_ container: ContainerReader, _ path: String, count: Int? = nil) throws(ScrlError) {
    guard container.has(path) else { return nil }
    let dataset = try container.dataset(path, .text(byteCount: 1), rank: 1)
    if let count { try expectShape(container, dataset, [count]) }
    bytes = try container.bytes(of: dataset)
    width = dataset.type.byteCount
    self.count = dataset.shape[0]
    for index in 0..<self.count where textOfBytes(slice(index)) == nil {
      throw ScrlError(.format, "open \(container.path): \(path)[\(index)] is not UTF-8")
    }
  }

  subscript(index: Int) -> String { textOfBytes(slice(index)) ?? "" }

  var all: [String] { (0..<count).map { self[$0] } }

  private func slice(_ index: Int) -> ArraySlice<UInt8> {
    bytes[index * width..<(index + 1) * width]
  }
}
