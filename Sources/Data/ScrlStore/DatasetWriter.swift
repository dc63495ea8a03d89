// Packs JPEG streams and annotations into one dataset file (DatasetFormat.swift). Nothing exists
// under the final name before finish() has returned. Not here: decoding, re-encoding.

import Glibc
import ScrlBase
import ScrlImage

package final class DatasetWriter {
  package let path: String
  package private(set) var classes: [String]

  private var container: ContainerWriter?
  private let libraryVersion: String
  private var offsets: [UInt64] = [0]
  private var checksums: [UInt32] = []
  private var sizes: [UInt32] = []
  private var labels: [Int32] = []
  private var imageIDs: [Int64] = []  // −1: none
  private var names: [String] = []  // "": none
  private var classIDs: [Int32] = []  // −1: none
  private var boxOffsets: [UInt64] = [0]
  private var boxes: [AnnotatedBox] = []

  package init(path: String, classes: [String] = [], libraryVersion: String) throws(ScrlError) {
    self.path = path
    self.classes = []
    self.libraryVersion = libraryVersion
    container = try ContainerWriter(path: path, replacing: .dataset)
    for name in classes { _ = try addClass(name) }
  }

  /// Samples added so far.
  package var count: Int { checksums.count }

  /// The class's number; a name already there keeps its own.
  /// - Parameter id: its COCO category id; a class that has another one is refused.
  package func addClass(_ name: String, id: Int32? = nil) throws(ScrlError) -> Int32 {
    guard id ?? 0 >= 0 else {
      throw ScrlError(.data, "add class: category id \(id ?? 0), expected 0 or more")
    }
    if let id, let owner = classIDs.firstIndex(of: id), classes[owner] != name {
      throw ScrlError(
        .data, "add class: category id \(id) of \"\(name)\" is that of \"\(classes[owner])\"")
    }
    if let known = classes.firstIndex(of: name) {
      if let id {
        guard classIDs[known] < 0 || classIDs[known] == id else {
          throw ScrlError(
            .data, "add class: \"\(name)\" has category id \(classIDs[known]), got \(id)")
        }
        classIDs[known] = id
      }
      return Int32(known)
    }
    guard !name.isEmpty, name.utf8.count <= 4096, !name.utf8.contains(0) else {
      throw ScrlError(
        .argument, "add class: name of \(name.utf8.count) bytes, expected 1...4096 without NUL")
    }
    guard classes.count < 1 << 20 else {
      throw ScrlError(.argument, "add class: more than \(1 << 20) classes")
    }
    classes.append(name)
    classIDs.append(id ?? -1)
    return Int32(classes.count - 1)
  }

  package func add(
    jpeg: UnsafeRawBufferPointer, width: Int, height: Int,
    annotation: SampleAnnotation = SampleAnnotation()
  ) throws(ScrlError) {
    guard let container else {
      throw ScrlError(.state, "add sample: \(path) is finished already")
    }
    guard !jpeg.isEmpty else { throw ScrlError(.data, "add sample: the JPEG stream is empty") }
    let sides = 1...DatasetFormat.longestSide
    guard sides.contains(width), sides.contains(height) else {
      throw ScrlError(
        .data, "add sample: image of \(width)×\(height) pixels, expected sides in \(sides)")
    }
    try check(annotation, height: height, width: width)
    let range = try container.spool(jpeg)
    offsets.append(UInt64(range.upperBound))
    checksums.append(CRC32C.of(jpeg))
    sizes += [UInt32(height), UInt32(width)]
    labels.append(annotation.label ?? -1)
    imageIDs.append(annotation.imageID ?? -1)
    names.append(annotation.name ?? "")
    boxes += annotation.boxes
    boxOffsets.append(UInt64(boxes.count))
  }

  private func check(
    _ annotation: SampleAnnotation, height: Int, width: Int
  ) throws(ScrlError) {
    if let label = annotation.label { try check(label: label) }
    if let id = annotation.imageID, id < 0 {
      throw ScrlError(.data, "add sample: image id \(id), expected 0 or more")
    }
    if let name = annotation.name?.utf8,
      name.contains(0) || name.count > DatasetFormat.longestName
    {
      let wanted = "at most \(DatasetFormat.longestName) without NUL"
      throw ScrlError(.data, "add sample: name of \(name.count) bytes, expected \(wanted)")
    }
    for box in annotation.boxes { try check(box, height: height, width: width) }
  }

  private func check(label: Int32) throws(ScrlError) {
    guard label >= 0, classes.isEmpty || Int(label) < classes.count else {
      let expected = classes.isEmpty ? "0 or more" : "0..<\(classes.count)"
      throw ScrlError(.data, "add sample: label \(label), expected \(expected)")
    }
  }

  private func check(_ box: AnnotatedBox, height: Int, width: Int) throws(ScrlError) {
    if box.label != -1 { try check(label: box.label) }
    let corners = [box.x0, box.y0, box.x1, box.y1]
    guard corners.allSatisfy(\.isFinite), box.x0 < box.x1, box.y0 < box.y1 else {
      throw ScrlError(.data, "add sample: box \(corners), expected finite x0 < x1 and y0 < y1")
    }
    guard box.area.map({ $0.isFinite && $0 >= 0 }) ?? true else {
      throw ScrlError(.data, "add sample: area \(box.area ?? 0), expected finite and 0 or more")
    }
    guard box.flags.isSubset(of: .known) else {
      let wanted = "those of \(BoxFlags.known.rawValue)"
      throw ScrlError(
        .data, "add sample: flags \(box.flags.rawValue) of a box, expected \(wanted)")
    }
    if let mask = box.mask {
      _ = try RunLengths(compressed: mask, height: height, width: width)
    }
  }

  /// Writes the file. The writer is used up, even when this throws; an earlier file of that name
  /// is replaced only by a whole new one.
  package func finish() throws(ScrlError) {
    guard let container else {
      throw ScrlError(.state, "finish: \(path) is finished already")
    }
    self.container = nil
    container.setAttribute("/", "format", .text(DatasetFormat.name))
    container.setAttribute("/", "format_version", .int32(DatasetFormat.version))
    container.setAttribute("/", "library_version", .text(libraryVersion))
    container.setAttribute("/", "created", .text(utcNow()))
    let total = container.spooledByteCount
    try container.add("/images/bytes", .uint8, shape: [total], spool: 0..<total, crc: nil)
    try container.add(
      "/images/offset", .uint64, shape: [count + 1], bytes: littleEndianBytes(offsets))
    try container.add(
      "/images/crc32c", .uint32, shape: [count], bytes: littleEndianBytes(checksums))
    try container.add(
      "/images/size", .uint32, shape: [count, 2], bytes: littleEndianBytes(sizes))
    if labels.contains(where: { $0 >= 0 }) {
      try container.add("/labels", .int32, shape: [count], bytes: littleEndianBytes(labels))
    }
    if imageIDs.contains(where: { $0 >= 0 }) {
      try container.add("/images/id", .int64, shape: [count], bytes: littleEndianBytes(imageIDs))
    }
    if names.contains(where: { !$0.isEmpty }) { try add(names, as: "/images/name", to: container) }
    if !classes.isEmpty { try add(classes, as: "/classes", to: container) }
    if classIDs.contains(where: { $0 >= 0 }) {
      try container.add(
        "/class_ids", .int32, shape: [classIDs.count], bytes: littleEndianBytes(classIDs))
    }
    if !boxes.isEmpty { try addBoxes(to: container) }
    try container.finish()
  }

  private func add(
    _ texts: [String], as path: String, to container: ContainerWriter
  ) throws(ScrlError) {
    let width = texts.map(\.utf8.count).max() ?? 1
    var bytes: [UInt8] = []
    bytes.reserveCapacity(width * texts.count)
    for text in texts {
      bytes += Array(text.utf8)
      bytes += [UInt8](repeating: 0, count: width - text.utf8.count)
    }
    try container.add(path, .text(byteCount: width), shape: [texts.count], bytes: bytes)
  }

  private func addBoxes(to container: ContainerWriter) throws(ScrlError) {
    let m = boxes.count
    let coordinates = boxes.flatMap { [$0.x0, $0.y0, $0.x1, $0.y1] }
    try container.add(
      "/boxes/offset", .uint64, shape: [count + 1], bytes: littleEndianBytes(boxOffsets))
    try container.add(
      "/boxes/coordinates", .float32, shape: [m, 4], bytes: littleEndianBytes(coordinates))
    try container.add(
      "/boxes/label", .int32, shape: [m], bytes: littleEndianBytes(boxes.map(\.label)))
    if boxes.contains(where: { $0.area != nil }) {
      try container.add(
        "/boxes/area", .float32, shape: [m],
        bytes: littleEndianBytes(boxes.map { $0.area ?? .nan }))
    }
    if boxes.contains(where: { !$0.flags.isEmpty }) {
      try container.add("/boxes/flags", .uint8, shape: [m], bytes: boxes.map(\.flags.rawValue))
    }
    guard boxes.contains(where: { $0.mask != nil }) else { return }
    var counts: [UInt8] = []
    var maskOffsets: [UInt64] = [0]
    for box in boxes {
      counts += Array((box.mask ?? "").utf8)
      maskOffsets.append(UInt64(counts.count))
    }
    try container.add(
      "/masks/offset", .uint64, shape: [m + 1], bytes: littleEndianBytes(maskOffsets))
    try container.add("/masks/counts", .uint8, shape: [counts.count], bytes: counts)
  }
}

/// Now, as "2026-01-31T12:34:56Z".
private func utcNow() -> String {
  var seconds = time(nil)
  var parts = tm()
  gmtime_r(&seconds, &parts)
  func pad(_ value: Int32, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
  return pad(parts.tm_year + 1900, 4) + "-" + pad(parts.tm_mon + 1, 2) + "-"
    + pad(parts.tm_mday, 2) + "T" + pad(parts.tm_hour, 2) + ":" + pad(parts.tm_min, 2) + ":"
    + pad(parts.tm_sec, 2) + "Z"
}
