// JPEG to RGB and back through TurboJPEG 2.1. One codec per thread; it owns its handles.
// Pixels are as stored. Not here: scaled decoding, what orientation a file tells (Orientation.swift).

import CTurboJPEG
import ScrlBase

package final class JPEGCodec {
  private var decompressor: tjhandle
  private let compressor: tjhandle
  private var transformer: tjhandle?  // made when the first picture is turned
  private var hasStrayBytes = false  // in a file decoded since this was set to false
  private var inks: [UInt8] = []  // (H,W,4), only for CMYK files

  package init() throws(ScrlError) {
    guard let decompressor = tjInitDecompress() else {
      throw ScrlError(.memory, "JPEG: the decoder could not start")
    }
    guard let compressor = tjInitCompress() else {
      tjDestroy(decompressor)
      throw ScrlError(.memory, "JPEG: the encoder could not start")
    }
    self.decompressor = decompressor
    self.compressor = compressor
  }

  deinit {
    tjDestroy(decompressor)
    tjDestroy(compressor)
    if let transformer { tjDestroy(transformer) }
  }

  /// Width and height from the header; nothing of the picture is decoded.
  package func readSize(
    _ bytes: UnsafeRawBufferPointer
  ) throws(ScrlError) -> (width: Int, height: Int) {
    let header = try readHeader(bytes)
    return (header.width, header.height)
  }

  /// Decodes into `image`, reusing its storage. Gray and CMYK files become RGB.
  /// On an error the contents of `image` are unspecified.
  package func decode(
    _ bytes: UnsafeRawBufferPointer, into image: inout RGBImage
  ) throws(ScrlError) {
    try decode(bytes, into: &image, keepingTruncated: false)
  }

  /// decode() of a file that nothing is known of yet. A decoder tells only the first fault, and stray
  /// bytes between segments, which are none, must not hide that the data ends early.
  package func decodeUnknown(
    _ bytes: UnsafeRawBufferPointer, into image: inout RGBImage
  ) throws(ScrlError) {
    hasStrayBytes = false
    try decode(bytes, into: &image)
    guard hasStrayBytes, let plain = JPEGSegment.withoutStrayBytes(bytes) else { return }
    var failure: ScrlError?
    plain.withUnsafeBytes { plain in
      do throws(ScrlError) { try decode(plain, into: &image) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// What is there of a file that ends early, and how many of its rows that is: what is missing
  /// comes as the middle gray. Files with other damage are data errors all the same.
  package func decodeTruncated(
    _ bytes: UnsafeRawBufferPointer, into image: inout RGBImage
  ) throws(ScrlError) -> Int {
    try decode(bytes, into: &image, keepingTruncated: true)
    let missing: UInt8 = try readHeader(bytes).isCMYK ? 64 : 128  // all inks at their middle
    let row = 3 * image.width
    let last = image.pixels.lastIndex { $0 != missing } ?? -1
    return (last + row) / row
  }

  /// Whether a decoding failed because the file ends early.
  package static func isTruncation(_ error: ScrlError) -> Bool {
    error.code == .data && isTruncation(error.message)
  }

  private static func isTruncation(_ text: String) -> Bool {
    text.contains("remature end")  // of the file, or of a segment before an end marker
  }

  /// The stream turned upright without loss; nil where only decoded pixels can be turned, because
  /// the sides are no multiples of the coding blocks. Other segments stay as they are.
  package func turn(
    _ bytes: UnsafeRawBufferPointer, _ orientation: Orientation
  ) throws(ScrlError) -> [UInt8]? {
    if transformer == nil { transformer = tjInitTransform() }
    guard let handle = transformer else {
      throw ScrlError(.memory, "JPEG: the transformer could not start")
    }
    var buffer: UnsafeMutablePointer<UInt8>?
    var byteCount: UInt = 0
    var work = tjtransform()
    work.op = Int32(orientation.operation.rawValue)
    work.options = TJXOPT_PERFECT
    let status = tjTransform(
      handle, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt(bytes.count), 1,
      &buffer, &byteCount, &work, TJFLAG_LIMITSCANS)
    defer { tjFree(buffer) }
    guard status == 0, let buffer else {
      tjDestroy(handle)  // like a decoder's, its past could spoil the next picture
      transformer = nil
      return nil
    }
    return [UInt8](UnsafeBufferPointer(start: buffer, count: Int(byteCount)))
  }

  private func decode(
    _ bytes: UnsafeRawBufferPointer, into image: inout RGBImage, keepingTruncated: Bool
  ) throws(ScrlError) {
    let header = try readHeader(bytes)
    let (width, height) = (header.width, header.height)
    let count = width * height * 3
    image.pixels.setCount(count)
    image.width = width
    image.height = height
    guard header.isCMYK else {
      return try decompress(bytes, header, TJPF_RGB, into: &image.pixels, keepingTruncated)
    }
    inks.setCount(width * height * 4)
    try decompress(bytes, header, TJPF_CMYK, into: &inks, keepingTruncated)
    inksToRGB(inks, into: &image.pixels)
  }

  /// Encodes (H,W,3) bytes, 4:4:4. Quality is 1...100.
  package func encode(
    _ pixels: UnsafePointer<UInt8>, width: Int, height: Int, rowStride: Int, quality: Int
  ) throws(ScrlError) -> [UInt8] {
    guard (1...RGBImage.maxSide).contains(width), (1...RGBImage.maxSide).contains(height),
      rowStride >= width * 3, rowStride <= Int(Int32.max), (1...100).contains(quality)
    else {
      throw ScrlError(
        .argument,
        "encode: got \(width)×\(height), stride \(rowStride), quality \(quality); expected sides "
          + "1...\(RGBImage.maxSide), stride ≥ 3·width, quality 1...100")
    }
    var buffer: UnsafeMutablePointer<UInt8>?
    var byteCount: UInt = 0
    let status = tjCompress2(
      compressor, pixels, Int32(width), Int32(rowStride), Int32(height), TJPF_RGB.rawValue,
      &buffer, &byteCount, Int32(TJSAMP_444.rawValue), Int32(quality), 0)
    defer { tjFree(buffer) }
    guard status == 0, let buffer else {
      throw ScrlError(.data, "encode: \(String(cString: tjGetErrorStr2(compressor)))")
    }
    return [UInt8](UnsafeBufferPointer(start: buffer, count: Int(byteCount)))
  }

  package func encode(_ image: RGBImage, quality: Int) throws(ScrlError) -> [UInt8] {
    guard image.isUsable else { throw ScrlError(.argument, "encode: the image is empty") }
    let result = image.pixels.withUnsafeBufferPointer { pixels in
      Result { () throws(ScrlError) in
        guard let start = pixels.baseAddress else {
          throw ScrlError(.argument, "encode: the image is empty")
        }
        return try encode(
          start, width: image.width, height: image.height, rowStride: image.width * 3,
          quality: quality)
      }
    }
    return try result.get()
  }

  // MARK: Steps

  private struct Header {
    let width: Int
    let height: Int
    let isCMYK: Bool
  }

  private func readHeader(_ bytes: UnsafeRawBufferPointer) throws(ScrlError) -> Header {
    guard let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count > 0
    else { throw ScrlError(.data, "decode: got no bytes, expected a JPEG file") }
    var width: Int32 = 0
    var height: Int32 = 0
    var subsampling: Int32 = 0
    var colours: Int32 = 0
    let status = tjDecompressHeader3(
      decompressor, start, UInt(bytes.count), &width, &height, &subsampling, &colours)
    do throws(ScrlError) { try check(status) } catch {
      // The decoder has a limit of its own for sides; by every way in it is the same error.
      if let told = JPEGSegment.size(bytes), max(told.height, told.width) > RGBImage.maxSide {
        try RGBImage.checkSize(height: told.height, width: told.width, "decode")
      }
      throw error
    }
    try RGBImage.checkSize(height: Int(height), width: Int(width), "decode")
    let isCMYK = colours == Int32(TJCS_CMYK.rawValue) || colours == Int32(TJCS_YCCK.rawValue)
    return Header(width: Int(width), height: Int(height), isCMYK: isCMYK)
  }

  private func decompress(
    _ bytes: UnsafeRawBufferPointer, _ header: Header, _ format: TJPF, into pixels: inout [UInt8],
    _ keepingTruncated: Bool
  ) throws(ScrlError) {
    // LIMITSCANS: a small progressive file with thousands of scans must not stall a worker.
    let status = pixels.withUnsafeMutableBufferPointer { target in
      tjDecompress2(
        decompressor, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt(bytes.count),
        target.baseAddress, Int32(header.width), 0, Int32(header.height), format.rawValue,
        TJFLAG_LIMITSCANS)
    }
    try check(status, keepingTruncated: keepingTruncated)
  }

  /// Warnings mean damaged picture data and count as errors, but for one: stray bytes between
  /// segments, which many cameras write and which change no pixel.
  private func check(_ status: Int32, keepingTruncated: Bool = false) throws(ScrlError) {
    guard status != 0 else { return }
    let text = String(cString: tjGetErrorStr2(decompressor))
    let isWarning = tjGetErrorCode(decompressor) == Int32(TJERR_WARNING.rawValue)
    if isWarning, text.contains("extraneous bytes") {
      hasStrayBytes = true
      return
    }
    if isWarning, keepingTruncated, JPEGCodec.isTruncation(text) { return }
    // TurboJPEG 2.1 leaves a decoder that failed in a header where it was: its next, good file
    // would look like one of 0×0 pixels. A fresh decoder has no past.
    if let fresh = tjInitDecompress() {
      tjDestroy(decompressor)
      decompressor = fresh
    }
    throw ScrlError(.data, "decode: \(text)")
  }
}

/// Files hold the inks inverted, as Adobe writes them: 255 is no ink. So the stored bytes are
/// light, and red = K·C/255 in the rounding that Pillow uses.
private func inksToRGB(_ inks: [UInt8], into pixels: inout [UInt8]) {
  for pixel in 0..<inks.count / 4 {
    let light = Int(inks[4 * pixel + 3])
    for channel in 0..<3 {
      let product = (255 - Int(inks[4 * pixel + channel])) * light + 128
      let dark = (product + product >> 8) >> 8
      pixels[3 * pixel + channel] = UInt8(max(0, light - dark))
    }
  }
}
