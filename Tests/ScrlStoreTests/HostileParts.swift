// Datasets put together from parts: a sound one, and what makes it unsound.

import ScrlBase

@testable import ScrlStore

struct Part {
  var type: ElementType
  var shape: [Int]
  var bytes: [UInt8]
  var isMissing = false

  static let missing = Part(type: .uint8, shape: [], bytes: [0], isMissing: true)

  static func numbers<Number: FixedWidthInteger>(
    _ type: ElementType, _ values: [Number], _ shape: [Int]? = nil
  ) -> Part {
    Part(type: type, shape: shape ?? [values.count], bytes: littleEndianBytes(values))
  }

  static func u64(_ values: [UInt64]) -> Part { numbers(.uint64, values) }

  static func text(_ letters: String) -> Part { numbers(.uint8, Array(letters.utf8)) }

  static func floats(_ values: [Float], _ shape: [Int]) -> Part {
    Part(type: .float32, shape: shape, bytes: littleEndianBytes(values))
  }
}

func add(_ parts: [String: Part], to writer: ContainerWriter) throws {
  for (path, part) in parts.sorted(by: { $0.key < $1.key }) {
    try writer.add(path, part.type, shape: part.shape, bytes: part.bytes)
  }
}

let soundParts: [String: Part] = [
  "/images/bytes": .numbers(.uint8, [UInt8](repeating: 9, count: 10)),
  "/images/offset": .u64([0, 4, 10]),
  "/images/crc32c": .numbers(
    .uint32, [4, 6].map { CRC32C.of([UInt8](repeating: 9, count: $0)) }),
  "/images/size": .numbers(.uint32, [1, 2, 3, 4] as [UInt32], [2, 2]),
  "/labels": .numbers(.int32, [0, -1] as [Int32]),
  "/boxes/offset": .u64([0, 0, 1]),
  "/boxes/coordinates": .floats([0, 0, 1, 1], [1, 4]),
  "/boxes/label": .numbers(.int32, [0] as [Int32]),
  "/masks/offset": .u64([0, 2]),
  "/masks/counts": .text("48"),  // 4 zeros and 8 ones: 3 × 4 pixels
  "/boxes/area": .floats([8], [1]),
  "/boxes/flags": .numbers(.uint8, [3] as [UInt8]),
  "/images/id": .numbers(.int64, [7, -1] as [Int64]),
  "/images/name": Part(type: .text(byteCount: 2), shape: [2], bytes: [65, 0, 66, 67]),
  "/classes": Part(type: .text(byteCount: 1), shape: [1], bytes: [65]),
  "/class_ids": .numbers(.int32, [18] as [Int32]),
]

let badParts: [String: [String: Part]] = [
  "no bytes": ["/images/bytes": .missing],
  "no offsets": ["/images/offset": .missing],
  "no checksums": ["/images/crc32c": .missing],
  "no sizes": ["/images/size": .missing],
  "no box coordinates": ["/boxes/coordinates": .missing],
  "no box offsets": ["/boxes/offset": .missing],
  "no mask counts": ["/masks/counts": .missing],
  "offset past the end": ["/images/offset": .u64([0, 4, 11])],
  "offset far past the end": ["/images/offset": .u64([0, .max, 10])],
  "offsets short of the end": ["/images/offset": .u64([0, 4, 9])],
  "offsets fall": ["/images/offset": .u64([0, 11, 10])],
  "offsets begin late": ["/images/offset": .u64([1, 4, 10])],
  "one offset too few": ["/images/offset": .u64([0, 10])],
  "one offset too many": ["/images/offset": .u64([0, 4, 10, 10])],
  "no offset at all": ["/images/offset": .u64([])],
  "offsets signed": ["/images/offset": .numbers(.int64, [0, 4, 10] as [Int64])],
  "offsets of rank 2": ["/images/offset": .numbers(.uint64, [0, 4, 10] as [UInt64], [3, 1])],
  "offsets real": ["/images/offset": .floats([0, 4, 10], [3])],
  "bytes scalar": ["/images/bytes": .numbers(.uint8, [1] as [UInt8], [])],
  "sizes of width 3": ["/images/size": .numbers(.uint32, [1, 2, 3] as [UInt32], [1, 3])],
  "size zero": ["/images/size": .numbers(.uint32, [1, 2, 0, 4] as [UInt32], [2, 2])],
  "size huge": ["/images/size": .numbers(.uint32, [1, 2, .max, 4] as [UInt32], [2, 2])],
  "labels too few": ["/labels": .numbers(.int32, [0] as [Int32])],
  "label below none": ["/labels": .numbers(.int32, [0, -2] as [Int32])],
  "labels text": ["/labels": Part(type: .text(byteCount: 1), shape: [2], bytes: [65, 66])],
  "classes numbers": ["/classes": .numbers(.int32, [0] as [Int32])],
  "classes not UTF-8": [
    "/classes": Part(type: .text(byteCount: 2), shape: [1], bytes: [255, 254])
  ],
  "box offsets past the end": ["/boxes/offset": .u64([0, 0, 2])],
  "box offsets fall": ["/boxes/offset": .u64([0, 5, 1])],
  "box coordinates of width 3": ["/boxes/coordinates": .floats([0, 0, 1], [1, 3])],
  "box coordinates not finite": ["/boxes/coordinates": .floats([0, 0, .nan, 1], [1, 4])],
  "mask offsets too few": ["/masks/offset": .u64([0])],
  "mask offsets past the end": ["/masks/offset": .u64([0, 3])],
  "box label below none": ["/boxes/label": .numbers(.int32, [-2] as [Int32])],
  "box areas too few": ["/boxes/area": .floats([], [0])],
  "box areas too many": ["/boxes/area": .floats([1, 2], [2])],
  "box area negative": ["/boxes/area": .floats([-1], [1])],
  "box area infinite": ["/boxes/area": .floats([.infinity], [1])],
  "box areas whole numbers": ["/boxes/area": .numbers(.int32, [1] as [Int32])],
  "box flags too few": ["/boxes/flags": .numbers(.uint8, [] as [UInt8])],
  "box flags unknown": ["/boxes/flags": .numbers(.uint8, [4] as [UInt8])],
  "box flags of 4 bytes": ["/boxes/flags": .numbers(.int32, [1] as [Int32])],
  "image ids too few": ["/images/id": .numbers(.int64, [7] as [Int64])],
  "image id below none": ["/images/id": .numbers(.int64, [7, -2] as [Int64])],
  "image ids short": ["/images/id": .numbers(.int32, [7, 8] as [Int32])],
  "names too few": ["/images/name": Part(type: .text(byteCount: 1), shape: [1], bytes: [65])],
  "names not UTF-8": [
    "/images/name": Part(type: .text(byteCount: 1), shape: [2], bytes: [65, 0xFF])
  ],
  "names numbers": ["/images/name": .numbers(.uint8, [65, 66] as [UInt8])],
  "names scalar": ["/images/name": Part(type: .text(byteCount: 2), shape: [], bytes: [65, 66])],
  "class ids too many": ["/class_ids": .numbers(.int32, [1, 2] as [Int32])],
  "class ids without classes": ["/classes": .missing],
  "class id below none": ["/class_ids": .numbers(.int32, [-2] as [Int32])],
  "class ids long": ["/class_ids": .numbers(.int64, [1] as [Int64])],
  "mask of fewer pixels": ["/masks/counts": .text("47")],
  "mask of more pixels": ["/masks/counts": .text("49")],
  "mask ends in a number": ["/masks/counts": .text("4h")],
  "mask of negative runs": ["/masks/counts": .text("4O")],
  "mask counts not RLE": ["/masks/counts": .numbers(.uint8, [10, 200] as [UInt8])],
]
