// Dataset file, format 1. One HDF5 file; n samples, m boxes, every number little-endian.
//   /images/bytes       u8  (total)   JPEG streams one after another, contiguous in the file
//   /images/offset      u64 (n+1)     stream i is bytes[offset[i] ..< offset[i+1]]
//   /images/crc32c      u32 (n)       CRC-32C of stream i
//   /images/size        u32 (n,2)     height, width in pixels
//   /images/id          i64 (n)       optional; COCO image id, −1 = none
//   /images/name        text (n)      optional; file name as its annotations call it, "" = none
//   /labels             i32 (n)       optional; class of the image, −1 = none
//   /classes            text (c)      optional; fixed length, zero padded UTF-8
//   /class_ids          i32 (c)       optional, with /classes; COCO category id, −1 = none
//   /boxes/offset       u64 (n+1)     optional group; boxes of image i are offset[i] ..< offset[i+1]
//   /boxes/coordinates  f32 (m,4)     x0, y0, x1, y1 in pixels
//   /boxes/label        i32 (m)       class, −1 = none
//   /boxes/area         f32 (m)       optional; area in pixels² as annotated, NaN = not told
//   /boxes/flags        u8  (m)       optional; bit 0: crowd region, bit 1: difficult; others are 0
//   /masks/offset       u64 (m+1)     optional group; mask of box j is counts[offset[j] ..< …]
//   /masks/counts       u8  (total)   COCO compressed run lengths over the whole image; empty = none
// Root attributes: format, format_version (i32), library_version, created (UTC, ISO 8601).
// Text is of fixed length everywhere: HDF5 keeps variable-length text in unchecked heaps.
// Every dataset but /images/bytes carries the u32 attribute crc32c over its bytes; files made by
// other programs may leave it out. Readers refuse versions they do not know.

enum DatasetFormat {
  static let name = "libscrl dataset"
  static let version: Int32 = 1
  /// JPEG's own limit (ITU-T T.81, B.2.2).
  static let longestSide = 65535
  static let longestName = 4096
}

/// `/boxes/flags`.
package struct BoxFlags: OptionSet, Equatable, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Many things in one region: COCO's iscrowd. Never a training target.
  package static let crowd = BoxFlags(rawValue: 1)
  /// Hard to recognise: Pascal VOC's difficult.
  package static let difficult = BoxFlags(rawValue: 2)
  static let known: BoxFlags = [.crowd, .difficult]
}

package struct AnnotatedBox: Equatable, Sendable {
  package var x0: Float
  package var y0: Float
  package var x1: Float
  package var y1: Float
  package var label: Int32  // −1: none
  package var mask: String?  // COCO compressed run lengths; the mask has the image's size
  package var area: Float?  // in pixels², as annotated
  package var flags: BoxFlags

  package init(
    x0: Float, y0: Float, x1: Float, y1: Float, label: Int32, mask: String? = nil,
    area: Float? = nil, flags: BoxFlags = []
  ) {
    self.x0 = x0
    self.y0 = y0
    self.x1 = x1
    self.y1 = y1
    self.label = label
    self.mask = mask
    self.area = area
    self.flags = flags
  }

  package var isCrowd: Bool { flags.contains(.crowd) }
  package var isDifficult: Bool { flags.contains(.difficult) }
}

package struct SampleAnnotation: Equatable, Sendable {
  package var label: Int32?
  package var boxes: [AnnotatedBox]
  package var imageID: Int64?
  package var name: String?

  package init(
    label: Int32? = nil, boxes: [AnnotatedBox] = [], imageID: Int64? = nil, name: String? = nil
  ) {
    self.label = label
    self.boxes = boxes
    self.imageID = imageID
    self.name = name
  }
}
