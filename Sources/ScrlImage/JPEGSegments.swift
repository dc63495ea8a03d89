// The segments of a JPEG file in front of its picture data: which there are and where. Bytes from
// anywhere: every length is checked. Not here: what the segments say, but for the frame's sides.

struct JPEGSegment {
  let marker: UInt8
  let body: Range<Int>  // without marker and length

  /// Those in front of the first scan that lie wholly within the bytes.
  static func all(_ jpeg: UnsafeRawBufferPointer) -> [JPEGSegment] {
    var found: [JPEGSegment] = []
    var place = 2
    guard jpeg.count >= 4, jpeg[0] == 0xFF, jpeg[1] == 0xD8 else { return [] }
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
    return found
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
