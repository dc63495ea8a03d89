import ScrlBase
import Testing

@testable import ScrlImage

@Suite struct JPEGTests {
  @Test(
    "Every kind of file decodes to Pillow's RGB",
    arguments: ["baseline", "full", "gray", "cmyk", "progressive"])
  func kinds(name: String) throws {
    let expected = try PixelFixture("jpeg_" + name)
    let image = try decoded(fixtureBytes(name + ".jpg"))
    #expect(image.height == expected.shape[0] && image.width == expected.shape[1])
    let apart = difference(image.pixels, expected.bytes)
    // One level: two builds of libjpeg may round the inverse transform apart.
    #expect(apart.largest <= 1, "\(apart)")
  }

  @Test("Damaged files are data errors: empty, garbage, header only, every truncation")
  func damaged() throws {
    let whole = try fixtureBytes("baseline.jpg")
    let scan = try #require(
      zip(whole, whole.dropFirst()).enumerated().first {
        $0.element == (0xFF, 0xDA)
      }?.offset)
    var damaged: [[UInt8]] = [[], [0xFF], [0xFF, 0xD8], Array("not a JPEG at all".utf8)]
    damaged += [[UInt8](repeating: 0, count: 1000), Array(whole[..<scan])]
    damaged += stride(from: 2, to: whole.count - 2, by: 5).map { Array(whole[..<$0]) }
    for bytes in damaged {
      let error = #expect(throws: ScrlError.self) { try decoded(bytes) }
      #expect(error?.code == .data, "\(bytes.count) bytes")
      #expect(error?.message.hasPrefix("decode: ") == true)
    }
  }

  @Test("Progressive files that end early are data errors too")
  func truncatedProgressive() throws {
    let whole = try fixtureBytes("progressive.jpg")
    for count in stride(from: 100, to: whole.count - 2, by: 41) {
      #expect(throws: ScrlError.self, "\(count) bytes") { try decoded(Array(whole[..<count])) }
    }
  }

  @Test("Stray bytes between segments change nothing")
  func strayBytes() throws {
    let whole = try fixtureBytes("baseline.jpg")
    let segment = 2 + 2 + Int(whole[4]) << 8 + Int(whole[5])  // after SOI and APP0
    let padded = Array(whole[..<segment]) + [1, 2, 3] + Array(whole[segment...])
    #expect(try decoded(padded) == decoded(whole))
  }

  @Test("Random damage inside a file either decodes or is a data error; nothing traps")
  func fuzz() throws {
    var stream = RandomStream(seed: 5, use: .test)
    let codec = try JPEGCodec()
    var image = RGBImage()
    for name in ["baseline", "progressive", "cmyk"] {
      let whole = try fixtureBytes(name + ".jpg")
      for _ in 0..<60 {
        var bytes = whole
        for _ in 0..<3 {
          bytes[stream.integer(in: 0..<bytes.count)] = UInt8(stream.integer(in: 0..<256))
        }
        // A damaged size could ask for gigabytes of zeros; that is not what is tested here.
        guard let size = try? bytes.withUnsafeBytes({ try codec.readSize($0) }),
          size.width * size.height < 1 << 20
        else { continue }
        do {
          try bytes.withUnsafeBytes { try codec.decode($0, into: &image) }
        } catch let error as ScrlError {
          #expect(error.code == .data)
        }
      }
    }
  }

  @Test("A codec survives an error, and what it encodes it decodes within quality 95")
  func roundTrip() throws {
    let codec = try JPEGCodec()
    let source = try PixelFixture("jpeg_baseline").image
    var image = RGBImage()
    #expect(throws: ScrlError.self) {
      try [UInt8](repeating: 1, count: 9).withUnsafeBytes { try codec.decode($0, into: &image) }
    }
    let bytes = try codec.encode(source, quality: 95)
    try bytes.withUnsafeBytes { try codec.decode($0, into: &image) }
    let size = try bytes.withUnsafeBytes { try codec.readSize($0) }
    #expect(size.width == 27 && size.height == 21)
    let total = zip(image.pixels, source.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
    // Mean error: quality 95 quantises most coefficients in steps of 2...10, so a few levels.
    #expect(Double(total) / Double(source.pixels.count) < 3)
  }

  @Test("Encoding refuses what cannot be encoded")
  func encodeArguments() throws {
    let codec = try JPEGCodec()
    let image = try PixelFixture("jpeg_baseline").image
    for quality in [0, 101] {
      let error = #expect(throws: ScrlError.self) { try codec.encode(image, quality: quality) }
      #expect(error?.code == .argument)
    }
    #expect(throws: ScrlError.self) { try codec.encode(RGBImage(), quality: 90) }
  }

  private func decoded(_ bytes: [UInt8]) throws -> RGBImage {
    let codec = try JPEGCodec()
    var image = RGBImage()
    try bytes.withUnsafeBytes { try codec.decode($0, into: &image) }
    return image
  }
}
