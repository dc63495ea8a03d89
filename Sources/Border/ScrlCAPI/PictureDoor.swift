// Pictures from files on their way into a writer: what EXIF orientation and a missing end mean for
// the stream that is stored. A picture without either goes in byte for byte.

import CScrl
import Glibc
import ScrlBase
import ScrlImage
import ScrlStore

/// What a writer does with pictures from files, and what it has done.
struct PictureRules {
  enum Turning: Int32 { case apply, ignore, refuse }

  var turning = Turning.apply
  var keepsTruncated = false
  var note: scrl_note_fn?
  var user: UnsafeMutableRawPointer?
  var report = scrl_picture_report()

  init() {}

  init(_ options: scrl_picture_options, _ report: scrl_picture_report) throws(ScrlError) {
    guard let turning = Turning(rawValue: options.orientation) else {
      throw ScrlError(
        .argument,
        "writer_set_pictures: orientation is \(options.orientation) · expected one of "
          + "SCRL_ORIENTATION_APPLY, _IGNORE, _REFUSE")
    }
    guard (0...1).contains(options.keep_truncated) else {
      throw ScrlError(
        .argument,
        "writer_set_pictures: keep_truncated is \(options.keep_truncated) · expected 0 or 1")
    }
    self.turning = turning
    keepsTruncated = options.keep_truncated != 0
    (note, user) = (options.note, options.user)
    self.report = report
  }
}

/// One file's picture as it will be stored; its pixels are the writer's scratch.
private struct FilePicture {
  var stream: [UInt8]
  var isStale = false  // the stream is older than the pixels
  var isTruncated = false
  var isTurned = false
  var isLeftTurned = false
  var notes: [String] = []
}

extension WriterHandle {
  /// Adds a JPEG file: the stream as it is, but for orientation and a missing end.
  func add(
    file path: UnsafePointer<CChar>, _ annotation: UnsafePointer<scrl_annotation>?
  ) throws(ScrlError) {
    var picture = FilePicture(stream: try readFile(path))
    var tags: OrientationTags?
    try withBytes(picture.stream) { bytes throws(ScrlError) in tags = OrientationTags(bytes) }
    try decode(&picture)
    let orientation = tags?.orientation ?? .upright
    if !orientation.isUpright {
      if try isToBeTurned(orientation, scratch.height, scratch.width, &picture.notes) {
        try turn(&picture, orientation)
      } else {
        picture.isLeftTurned = true
      }
    }
    if picture.isStale { picture.stream = try codec.encode(scratch, quality: 95) }
    if !orientation.isUpright, !picture.isStale {
      // Whoever gets the stream back sees the pixels as the dataset means them.
      try withBytes(picture.stream) { bytes throws(ScrlError) in tags = OrientationTags(bytes) }
      tags?.clear(&picture.stream)
    }
    let (height, width) = (scratch.height, scratch.width)
    let known = try self.annotation(annotation, height: height, width: width)
    try withBytes(picture.stream) { bytes throws(ScrlError) in
      try writer.add(jpeg: bytes, width: width, height: height, annotation: known)
    }
    count(picture)
    for note in picture.notes { tell(path, note) }
  }

  /// Adds pixels as a file stores them, by the orientation it tells.
  func add(
    rgb image: RGBImage, _ orientation: Orientation, quality: Int,
    _ annotation: UnsafePointer<scrl_annotation>?
  ) throws(ScrlError) {
    var picture = FilePicture(stream: [], isStale: true)
    var image = image
    if try isToBeTurned(orientation, image.height, image.width, &picture.notes) {
      image = image.turned(orientation)
      picture.isTurned = true
    } else {
      picture.isLeftTurned = !orientation.isUpright
    }
    let (height, width) = (image.height, image.width)
    let known = try self.annotation(annotation, height: height, width: width)
    try withBytes(try codec.encode(image, quality: quality)) { bytes throws(ScrlError) in
      try writer.add(jpeg: bytes, width: width, height: height, annotation: known)
    }
    count(picture, countsEncoding: false)  // pixels are encoded in any case
    for note in picture.notes { tell("", note) }
  }

  /// A walk has met a name that is no picture of the user's.
  func leaveOut(hidden path: [UInt8]) {
    pictures.report.hidden += 1
    cPath(path).withUnsafeBufferPointer { text in
      if let text = text.baseAddress { tell(text, "left out: a hidden file or folder") }
    }
  }

  // MARK: Steps

  /// Strictly; or what is there of a file that ends early, where that is wanted.
  private func decode(_ picture: inout FilePicture) throws(ScrlError) {
    let bytes = picture.stream
    do throws(ScrlError) {
      return try decodeStrictly(bytes)
    } catch {
      guard pictures.keepsTruncated, JPEGCodec.isTruncation(error) else { throw error }
      let ended = bytes + [0xFF, 0xD9]
      picture.isTruncated = true
      if (try? decodeStrictly(ended)) != nil {
        picture.stream = ended
        picture.notes.append("its end marker was missing and has been added")
        return
      }
      var rows = 0
      try withBytes(bytes) { bytes throws(ScrlError) in
        rows = try codec.decodeTruncated(bytes, into: &scratch)
      }
      guard rows > 0 else { throw error }
      picture.isStale = true
      picture.notes.append(
        "cut short: \(rows) of \(scratch.height) rows are there, the rest is gray; encoded anew")
    }
  }

  private func decodeStrictly(_ stream: [UInt8]) throws(ScrlError) {
    try withBytes(stream) { bytes throws(ScrlError) in
      try codec.decodeUnknown(bytes, into: &scratch)
    }
  }

  /// Whether these stored pixels are to be turned: by the rule, and by the size that an import's
  /// file tells, where that is of one of the two ways only.
  private func isToBeTurned(
    _ orientation: Orientation, _ height: Int, _ width: Int, _ notes: inout [String]
  ) throws(ScrlError) -> Bool {
    guard !orientation.isUpright else { return false }
    guard pictures.turning != .refuse else {
      throw ScrlError(
        .data,
        "orientation: EXIF says \(orientation.value) · expected upright pixels, 1, as was asked")
    }
    let stored = CocoAnnotations.Size(height: height, width: width)
    let turned = orientation.upright(height: height, width: width)
    let upright = CocoAnnotations.Size(height: turned.height, width: turned.width)
    if pictures.turning == .ignore {
      guard listed == nil || stored == upright || listedSize != upright else {
        throw ScrlError(
          .data,
          "orientation: EXIF's \(orientation.value) is ignored, as was asked · expected it to be "
            + "applied: the size that its annotations tell is that of the upright picture")
      }
      return false
    }
    guard listed != nil else { return true }
    if stored != upright, listedSize == stored {
      notes.append(
        "EXIF orientation \(orientation.value) not applied: the size that its annotations tell is "
          + "that of the stored pixels")
      return false
    }
    if stored == upright || listedSize == nil {
      notes.append(
        "EXIF orientation \(orientation.value) applied: its annotations are taken to be of the "
          + "upright picture, their size cannot tell")
    }
    return true
  }

  private func turn(
    _ picture: inout FilePicture, _ orientation: Orientation
  ) throws(ScrlError) {
    let size = orientation.upright(height: scratch.height, width: scratch.width)
    if !picture.isStale {
      var stream: [UInt8]?
      try withBytes(picture.stream) { bytes throws(ScrlError) in
        stream = try codec.turn(bytes, orientation)
      }
      if let stream { picture.stream = stream } else { picture.isStale = true }
    }
    if picture.isStale {
      scratch = scratch.turned(orientation)
    } else {
      (scratch.height, scratch.width) = size  // of the pixels only their size is used from here
    }
    picture.isTurned = true
  }

  private func count(_ picture: FilePicture, countsEncoding: Bool = true) {
    pictures.report.turned += picture.isTurned ? 1 : 0
    pictures.report.not_turned += picture.isLeftTurned ? 1 : 0
    pictures.report.truncated += picture.isTruncated ? 1 : 0
    pictures.report.encoded += picture.isStale && countsEncoding ? 1 : 0
  }

  private func tell(_ path: UnsafePointer<CChar>, _ note: String) {
    note.withCString { pictures.note?(path, $0, pictures.user) }
  }
}

@c @implementation
public func scrl_writer_set_pictures(
  _ writer: OpaquePointer?, _ options: UnsafePointer<scrl_picture_options>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let chosen = options == nil ? scrl_picture_options() : try readStruct(options, "set_pictures")
    try withHandle(writer, WriterHandle.self) { handle throws(ScrlError) in
      handle.pictures = try PictureRules(chosen, handle.pictures.report)
    }
  }
}

@c @implementation
public func scrl_writer_report_pictures(
  _ writer: OpaquePointer?, _ report: UnsafeMutablePointer<scrl_picture_report>?
) -> scrl_status {
  border { () throws(ScrlError) in
    try withHandle(writer, WriterHandle.self) { handle throws(ScrlError) in
      try writeStruct(handle.pictures.report, to: report, "writer_report_pictures")
    }
  }
}

@c @implementation
public func scrl_writer_add_oriented(
  _ writer: OpaquePointer?, _ pixels: UnsafePointer<UInt8>?, _ height: Int, _ width: Int,
  _ row_stride: Int, _ quality: Int32, _ orientation: Int32,
  _ annotation: UnsafePointer<scrl_annotation>?
) -> scrl_status {
  border { () throws(ScrlError) in
    guard let pixels else { throw ScrlError(.argument, "writer_add_oriented: NULL pixels") }
    guard let told = Orientation(Int(orientation)) else {
      throw ScrlError(
        .argument, "writer_add_oriented: orientation is \(orientation) · expected EXIF's 1…8")
    }
    let layout = try pixelLayout(height, width, row_stride, quality, "writer_add_oriented")
    try withHandle(writer, WriterHandle.self) { handle throws(ScrlError) in
      var rows: [UInt8] = []
      rows.reserveCapacity(3 * width * height)
      for y in 0..<height {
        rows += UnsafeBufferPointer(start: pixels + y * layout.rowStride, count: 3 * width)
      }
      let image = try RGBImage(width: width, height: height, pixels: rows)
      try handle.add(rgb: image, told, quality: layout.quality, annotation)
    }
  }
}

@c @implementation
public func scrl_name_is_hidden(_ name: UnsafePointer<CChar>?) -> Int32 {
  guard let name else { return 0 }
  let bytes = UnsafeBufferPointer(start: name, count: strlen(name))
  return isHiddenName(bytes.map(UInt8.init(bitPattern:))) ? 1 : 0
}
