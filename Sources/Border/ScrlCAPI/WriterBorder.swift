// scrl_writer_*

import CScrl
import Glibc
import ScrlBase
import ScrlImage
import ScrlStore

final class WriterHandle: Handle, @unchecked Sendable {
  override class var kind: String { "writer" }
  let writer: DatasetWriter
  let codec: JPEGCodec
  var scratch = RGBImage()
  /// What an image gets that is added without an annotation: an import's, by the image's size.
  var listed: ((_ height: Int, _ width: Int) throws(ScrlError) -> SampleAnnotation)?
  var listedSize: CocoAnnotations.Size?  // the size that the import's file tells, if it does
  var pictures = PictureRules()

  init(path: String) throws(ScrlError) {
    writer = try DatasetWriter(path: path, libraryVersion: libraryVersion)
    codec = try JPEGCodec()
  }

  /// Decodes once, to be sure that training will be able to, then keeps the stream as it is.
  func add(
    jpeg bytes: UnsafeRawBufferPointer, _ annotation: UnsafePointer<scrl_annotation>?
  ) throws(ScrlError) {
    try codec.decodeUnknown(bytes, into: &scratch)
    let known = try self.annotation(annotation, height: scratch.height, width: scratch.width)
    try writer.add(
      jpeg: bytes, width: scratch.width, height: scratch.height, annotation: known)
  }

  func add(
    rgb pixels: UnsafePointer<UInt8>, height: Int, width: Int, rowStride: Int, quality: Int,
    _ annotation: UnsafePointer<scrl_annotation>?
  ) throws(ScrlError) {
    let known = try self.annotation(annotation, height: height, width: width)
    let stream = try codec.encode(
      pixels, width: width, height: height, rowStride: rowStride, quality: quality)
    try withBytes(stream) { bytes throws(ScrlError) in
      try writer.add(jpeg: bytes, width: width, height: height, annotation: known)
    }
  }

  func annotation(
    _ pointer: UnsafePointer<scrl_annotation>?, height: Int, width: Int
  ) throws(ScrlError) -> SampleAnnotation {
    if pointer == nil, let listed { return try listed(height, width) }
    return try sampleAnnotation(pointer)
  }
}

/// The bytes of an array, for a body that throws our error.
func withBytes(
  _ array: [UInt8], _ body: (UnsafeRawBufferPointer) throws(ScrlError) -> Void
) throws(ScrlError) {
  var failure: ScrlError?
  array.withUnsafeBytes { bytes in
    do throws(ScrlError) { try body(bytes) } catch { failure = error }
  }
  if let failure { throw failure }
}

private func sampleAnnotation(
  _ pointer: UnsafePointer<scrl_annotation>?
) throws(ScrlError) -> SampleAnnotation {
  guard pointer != nil else { return SampleAnnotation(label: nil, boxes: []) }
  let value = try readStruct(pointer, "annotation")
  guard value.box_count == 0 || value.boxes != nil else {
    throw ScrlError(.argument, "annotation: \(value.box_count) boxes, and boxes is NULL")
  }
  guard value.box_count <= 1_000_000 else {
    throw ScrlError(.argument, "annotation: \(value.box_count) boxes · expected at most 1000000")
  }
  var boxes: [AnnotatedBox] = []
  for index in 0..<value.box_count {
    guard let corner = value.boxes.map({ $0 + 4 * index }) else { break }
    var mask: String?
    if let masks = value.masks, let counts = masks[index] {
      mask = try text(counts, "annotation: mask \(index)")
    }
    let told = value.areas.map { $0[index] } ?? .nan
    let area = told.isNaN ? nil : told
    boxes.append(
      AnnotatedBox(
        x0: corner[0], y0: corner[1], x1: corner[2], y1: corner[3],
        label: value.box_labels.map { $0[index] } ?? -1, mask: mask, area: area,
        flags: BoxFlags(rawValue: value.flags.map { $0[index] } ?? 0)))
  }
  return SampleAnnotation(label: value.label < 0 ? nil : value.label, boxes: boxes)
}

@c @implementation
public func scrl_writer_new(
  _ path: UnsafePointer<CChar>?, _ writer: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(writer, "writer_new")
    out.pointee = Registry.shared.add(try WriterHandle(path: try text(path, "writer_new: path")))
  }
}

@c @implementation
public func scrl_writer_add_class(
  _ writer: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ id: UnsafeMutablePointer<Int32>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let name = try text(name, "writer_add_class: name")
    try withHandle(writer, WriterHandle.self) { handle throws(ScrlError) in
      let number = try handle.writer.addClass(name)
      id?.pointee = number
    }
  }
}

@c @implementation
public func scrl_writer_add_jpeg(
  _ writer: OpaquePointer?, _ bytes: UnsafeRawPointer?, _ byte_count: Int,
  _ annotation: UnsafePointer<scrl_annotation>?
) -> scrl_status {
  border { () throws(ScrlError) in
    guard let bytes, byte_count >= 0 else {
      throw ScrlError(.argument, "writer_add_jpeg: NULL bytes")
    }
    try withHandle(writer, WriterHandle.self) { handle throws(ScrlError) in
      try handle.add(
        jpeg: UnsafeRawBufferPointer(start: bytes, count: byte_count), annotation)
    }
  }
}

@c @implementation
public func scrl_writer_add_file(
  _ writer: OpaquePointer?, _ path: UnsafePointer<CChar>?,
  _ annotation: UnsafePointer<scrl_annotation>?
) -> scrl_status {
  border { () throws(ScrlError) in
    guard let path else { throw ScrlError(.argument, "writer_add_file: NULL path") }
    try withHandle(writer, WriterHandle.self) { handle throws(ScrlError) in
      try handle.add(file: path, annotation)
    }
  }
}

@c @implementation
public func scrl_writer_add_rgb(
  _ writer: OpaquePointer?, _ pixels: UnsafePointer<UInt8>?, _ height: Int, _ width: Int,
  _ row_stride: Int, _ quality: Int32, _ annotation: UnsafePointer<scrl_annotation>?
) -> scrl_status {
  border { () throws(ScrlError) in
    guard let pixels else { throw ScrlError(.argument, "writer_add_rgb: NULL pixels") }
    let layout = try pixelLayout(height, width, row_stride, quality, "writer_add_rgb")
    try withHandle(writer, WriterHandle.self) { handle throws(ScrlError) in
      try handle.add(
        rgb: pixels, height: height, width: width, rowStride: layout.rowStride,
        quality: layout.quality, annotation)
    }
  }
}

/// Arguments of a call that takes pixels. Sides beyond what a picture may have are its own fault,
/// as with a file.
func pixelLayout(
  _ height: Int, _ width: Int, _ rowStride: Int, _ quality: Int32, _ name: String
) throws(ScrlError) -> (rowStride: Int, quality: Int) {
  guard height != 0, width != 0, (0...100).contains(quality) else {
    throw ScrlError(
      .argument,
      "\(name): got \(height)×\(width), quality \(quality) · expected sides of 1 and more, "
        + "quality 0…100")
  }
  try RGBImage.checkSize(height: room(height), width: room(width), name)
  guard rowStride == 0 || (3 * width...Int(Int32.max)).contains(rowStride) else {
    throw ScrlError(
      .argument, "\(name): got a row stride of \(rowStride) · expected 3·width or more, or 0")
  }
  return (rowStride == 0 ? 3 * width : rowStride, quality == 0 ? 95 : Int(quality))
}

@c @implementation
public func scrl_writer_add_folder(
  _ writer: OpaquePointer?, _ folder: UnsafePointer<CChar>?,
  _ options: UnsafePointer<scrl_folder_options>?, _ added: UnsafeMutablePointer<Int>?,
  _ skipped: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    guard let folder else { throw ScrlError(.argument, "writer_add_folder: NULL folder") }
    let chosen =
      options == nil ? scrl_folder_options() : try readStruct(options, "writer_add_folder")
    try withHandle(writer, WriterHandle.self) { handle throws(ScrlError) in
      var walk = FolderImport(handle, chosen)
      try walk.run(folder)
      added?.pointee = walk.added
      skipped?.pointee = walk.skipped
    }
  }
}

@c @implementation
public func scrl_writer_add_coco(
  _ writer: OpaquePointer?, _ folder: UnsafePointer<CChar>?, _ path: UnsafePointer<CChar>?,
  _ json: UnsafePointer<CChar>?, _ byte_count: Int,
  _ options: UnsafePointer<scrl_coco_options>?, _ report: UnsafeMutablePointer<scrl_coco_report>?
) -> scrl_status {
  border { () throws(ScrlError) in
    guard let folder else { throw ScrlError(.argument, "writer_add_coco: NULL folder") }
    guard (path == nil) != (json == nil), byte_count >= 0 else {
      throw ScrlError(
        .argument, "writer_add_coco: expected either a path or the JSON text, one of them NULL")
    }
    let chosen = options == nil ? scrl_coco_options() : try readStruct(options, "writer_add_coco")
    try checkStruct(report, "writer_add_coco")
    try withHandle(writer, WriterHandle.self) { handle throws(ScrlError) in
      let bytes: [UInt8]
      if let path {
        bytes = try readFile(path)
      } else {
        bytes = Array(UnsafeRawBufferPointer(start: json, count: byte_count))
      }
      let source = path.map { String(cString: $0) } ?? "annotations"
      let coco = try CocoAnnotations(json: bytes, source: source)
      let work = CocoImport(handle, folder: folder, coco, chosen)
      try work.run()
      if report != nil { try writeStruct(work.report, to: report, "writer_add_coco") }
    }
  }
}

@c @implementation
public func scrl_writer_count(
  _ writer: OpaquePointer?, _ count: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(count, "writer_count")
    try withHandle(writer, WriterHandle.self) { handle in out.pointee = handle.writer.count }
  }
}

@c @implementation
public func scrl_writer_finish(_ writer: OpaquePointer?) -> scrl_status {
  border { () throws(ScrlError) in
    try withHandle(writer, WriterHandle.self) { handle throws(ScrlError) in
      guard handle.writer.count > 0 else {
        throw ScrlError(.state, "writer_finish: got no image · expected one or more to be added")
      }
      try handle.writer.finish()
    }
  }
}

@c @implementation
public func scrl_writer_free(_ writer: OpaquePointer?) {
  Registry.shared.remove(writer, WriterHandle.self)
}
