// JPEG to RGB and back through TurboJPEG 2.1. One codec per thread; it owns its two handles.
// Not here: scaled decoding, EXIF orientation (the method's crops are in stored pixels).

import CTurboJPEG
import ScrlBase

package final class JPEGCodec {
  private var decompressor: tjhandle
  private let compressor: tjhandle
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
    let header = try readHeader(bytes)
    let (width, height) = (header.width, header.height)
    let count = width * height * 3
    image.pixels.setCount(count)
    image.width = width
    image.height = height
    guard header.isCMYK else {
      return try decompress(bytes, header, TJPF_RGB, into: &image.pixels)
    }
    inks.setCount(width * height * 4)
    try decompress(bytes, header, TJPF_CMYK, into: &inks)
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
    try check(status)
    guard width > 0, height > 0, Int(width) <= RGBImage.maxSide, Int(height) <= RGBImage.maxSide,
      Int(width) * Int(height) <= RGBImage.maxPixels
    else {
      throw ScrlError(
        .data,
        "decode: image is \(width)×\(height), expected sides up to \(RGBImage.maxSide) and at most "
          + "\(RGBImage.maxPixels) pixels")
    }
    let isCMYK = colours == Int32(TJCS_CMYK.rawValue) || colours == Int32(TJCS_YCCK.rawValue)
    return Header(width: Int(width), height: Int(height), isCMYK: isCMYK)
  }

  private func decompress(
    _ bytes: UnsafeRawBufferPointer, _ header: Header, _ format: TJPF, into pixels: inout [UInt8]
  ) throws(ScrlError) {
    // LIMITSCANS: a small progressive file with thousands of scans must not stall a worker.
    let status = pixels.withUnsafeMutableBufferPointer { target in
      tjDecompress2(
        decompressor, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt(bytes.count),
        target.baseAddress, Int32(header.width), 0, Int32(header.height), format.rawValue,
        TJFLAG_LIMITSCANS)
    }
    try check(status)
  }

  /// Warnings mean damaged picture data and count as errors, but for one: stray bytes between
  /// segments, which many cameras write and which change no pixel.
  private func check(_ status: Int32) throws(ScrlError) {
    guard status != 0 else { return }
    let text = String(cString: tjGetErrorStr2(decompressor))
    let isWarning = tjGetErrorCode(decompressor) == Int32(TJERR_WARNING.rawValue)
    if isWarning, text.contains("extraneous bytes") { return }
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
