import ScrlBase
import Testing

@testable import ScrlImage

@Suite struct OrientationTests {
  /// A tiny JPEG header with an EXIF segment: orientation in a directory of one entry.
  private func header(_ value: UInt8, isBig: Bool = true) -> [UInt8] {
    let numbers: [UInt8] =
      isBig
      ? [0x4D, 0x4D, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, value, 0, 0]
      : [0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, value, 0, 0, 0]
    let body = Array("Exif\0\0".utf8) + numbers
    return [0xFF, 0xD8, 0xFF, 0xE1, 0, UInt8(body.count + 2)] + body + [0xFF, 0xDA, 0, 2]
  }

  private func tags(_ bytes: [UInt8]) -> OrientationTags {
    bytes.withUnsafeBytes { OrientationTags($0) }
  }

  @Test("Both byte orders are read, and clearing makes the tag say 1")
  func readAndClear() {
    for isBig in [true, false] {
      for value in UInt8(0)...9 {
        var bytes = header(value, isBig: isBig)
        let found = tags(bytes)
        #expect(found.orientation.value == ((1...8).contains(value) ? Int(value) : 1))
        found.clear(&bytes)
        #expect(bytes == header(1, isBig: isBig))
      }
    }
  }

  @Test("Any cut and any changed byte of a header is read without a trap")
  func hostile() {
    var stream = RandomStream(seed: 3, use: .test)
    for round in 0..<4000 {
      var bytes = header(6, isBig: round % 2 == 0)
      for _ in 0..<stream.integer(in: 0..<4) {
        let values: [UInt8] = [0, 1, 2, 8, 0x7F, 0x80, 0xFE, 0xFF]
        bytes[stream.integer(in: 2..<bytes.count)] = values[stream.integer(in: 0..<values.count)]
      }
      bytes.removeLast(stream.integer(in: 0..<bytes.count))
      let found = tags(bytes)
      #expect((1...8).contains(found.orientation.value))
      let count = bytes.count
      found.clear(&bytes)
      #expect(bytes.count == count)
    }
  }

  @Test("Turning twice by an orientation and its opposite gives the picture back")
  func turns() throws {
    let pixels = [UInt8](0..<105)
    let image = try RGBImage(width: 7, height: 5, pixels: pixels)
    for value in 1...8 {
      let orientation = try #require(Orientation(value))
      let turned = image.turned(orientation)
      let size = orientation.upright(height: 5, width: 7)
      #expect(turned.height == size.height && turned.width == size.width)
      #expect((turned == image) == (value == 1))
      let opposite = try #require(Orientation([6: 8, 8: 6][value] ?? value))
      #expect(turned.turned(opposite) == image)
    }
    // 6: what is stored in the first column is looked at in the first row, from right to left.
    let six = image.turned(try #require(Orientation(6)))
    #expect(six.pixels[3 * 4] == pixels[0] && six.pixels[0] == pixels[3 * 7 * 4])
    #expect(Orientation(0) == nil && Orientation(9) == nil)
  }

  @Test("A stream turned without loss decodes to the turned pixels")
  func withoutLoss() throws {
    let codec = try JPEGCodec()
    var pixels = [UInt8](repeating: 0, count: 16 * 24 * 3)
    for place in pixels.indices {
      let (row, column) = (place / 72, place % 72)
      pixels[place] = UInt8(3 * column / 2 + 5 * row)
    }
    let image = try RGBImage(width: 24, height: 16, pixels: pixels)
    let bytes = try codec.encode(image, quality: 95)
    var decoded = RGBImage()
    try bytes.withUnsafeBytes { try codec.decode($0, into: &decoded) }
    for value in 2...8 {
      let orientation = try #require(Orientation(value))
      let turned = try #require(try bytes.withUnsafeBytes { try codec.turn($0, orientation) })
      var again = RGBImage()
      try turned.withUnsafeBytes { try codec.decode($0, into: &again) }
      let expected = decoded.turned(orientation)
      #expect(again.width == expected.width && again.height == expected.height)
      // Brightness and colours are rounded in another order: a level each, blue by 1 + 1.772.
      #expect(difference(again.pixels, expected.pixels).largest <= 3)
    }
    let small = try RGBImage(width: 7, height: 5, pixels: Array(pixels[..<105]))
    let odd = try codec.encode(small, quality: 95)
    let half = try #require(Orientation(3))
    #expect(try odd.withUnsafeBytes { try codec.turn($0, half) } == nil)
    #expect(try bytes.withUnsafeBytes { try codec.turn($0, half) } != nil)  // after a failure too
  }

  @Test("A file that ends early gives the rows that are there")
  func truncated() throws {
    let codec = try JPEGCodec()
    let whole = try fixtureBytes("baseline.jpg")
    var image = RGBImage()
    var rows: [Int] = []
    for count in stride(from: whole.count - 2, to: 2, by: -29) {
      do {
        rows.append(
          try whole[..<count].withUnsafeBytes { try codec.decodeTruncated($0, into: &image) })
      } catch let error as ScrlError {
        #expect(error.code == .data)
      }
    }
    #expect(rows.first == image.height && rows == rows.sorted(by: >) && rows.count > 3)
    #expect(throws: ScrlError.self) {
      try Array("no JPEG".utf8).withUnsafeBytes { try codec.decodeTruncated($0, into: &image) }
    }
  }
}
