// The segments of a JPEG file in front of its picture data: which there are and where. Bytes from
// anywhere: every length is checked. Not here: what the segments say, but for the frame's sides.

struct JPEGSegment {
  let marker: UInt8
  let body: Range<Int>  // without marker and length

  /// Those in front of the first scan that lie wholly within the bytes.
  static func all(_ jpeg: UnsafeRawBufferPointer) -> [JPEGSegment] { scan(jpeg).found }

  /// The same file without stray bytes between those segments; nil when it has none.
  static func withoutStrayBytes(_ jpeg: UnsafeRawBufferPointer) -> [UInt8]? {
    let (found, end) = scan(jpeg)
    guard end > 0 else { return nil }
    var bytes: [UInt8] = [0xFF, 0xD8]
    for segment in found {
      bytes += jpeg[segment.body.lowerBound - 4..<segment.body.upperBound]
    }
    bytes += jpeg[end...]
    return bytes.count < jpeg.count ? bytes : nil
  }

  /// Also where the first thing that is no such segment begins.
  private static func scan(
    _ jpeg: UnsafeRawBufferPointer
  ) -> (found: [JPEGSegment], end: Int) {
    var found: [JPEGSegment] = []
    var place = 2
    guard jpeg.count >= 4, jpeg[0] == 0xFF, jpeg[1] == 0xD8 else { return ([], 0) }
    while place + 4 <= jpeg.count {
      let marker = jpeg[place + 1]
      // Stray bytes and fill bytes between segments are passed over, as decoders do.
      guard jpeg[place] == 0xFF, marker != 0xFF, marker != 0 else {
        place += 1
        continue
      }
      if marker == 0x01 || (0xD0...0xD8).contains(marker) {
        place += 2
        continue
      }
      guard marker != 0xD9, marker != 0xDA else { break }
      let length = Int(jpeg[place + 2]) << 8 + Int(jpeg[place + 3])
      let end = place + 2 + length
      guard length >= 2, end <= jpeg.count else { break }
      found.append(JPEGSegment(marker: marker, body: place + 4..<end))
      place = end
    }
    return (found, place)
  }

  /// The sides that a frame's header claims.
  static func size(_ jpeg: UnsafeRawBufferPointer) -> (height: Int, width: Int)? {
    for segment in all(jpeg) where (0xC0...0xCF).contains(segment.marker) {
      guard ![0xC4, 0xC8, 0xCC].contains(segment.marker), segment.body.count >= 5 else { continue }
      let at = segment.body.lowerBound + 1  // after the precision
      return (Int(jpeg[at]) << 8 + Int(jpeg[at + 1]), Int(jpeg[at + 2]) << 8 + Int(jpeg[at + 3]))
    }
    return nil
  }
}
