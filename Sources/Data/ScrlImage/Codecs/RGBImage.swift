// A decoded picture: H×W×3 bytes, interleaved, rows without padding, sRGB as the file gave it.

import ScrlBase

package struct RGBImage: Sendable, Equatable {
  package var width: Int
  package var height: Int
  package var pixels: [UInt8]  // (H,W,3)

  /// A black picture; the place that `JPEGCodec.decode` writes to may be `RGBImage()`.
  package init(width: Int = 0, height: Int = 0) {
    self.width = width
    self.height = height
    pixels = [UInt8](repeating: 0, count: width * height * 3)
  }

  package init(width: Int, height: Int, pixels: [UInt8]) throws(ScrlError) {
    guard width > 0, height > 0, width <= RGBImage.maxSide, height <= RGBImage.maxSide,
      pixels.count == width * height * 3
    else {
      throw ScrlError(
        .data, "image: got \(width)×\(height) with \(pixels.count) bytes, expected H·W·3 of them")
    }
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// What the JPEG format itself allows per side, and what one image may take in all.
  package static let maxSide = 65_500
  package static let maxPixels = 1 << 28

  /// The same limit for pictures by every way in.
  package static func checkSize(
    height: Int, width: Int, _ operation: String
  ) throws(ScrlError) {
    guard width > 0, height > 0, width <= maxSide, height <= maxSide, width * height <= maxPixels
    else {
      throw ScrlError(
        .data,
        "\(operation): image is \(width)×\(height), expected sides up to \(maxSide) and at most "
          + "\(maxPixels) pixels")
    }
  }

  /// True when width, height and the buffer agree and there is at least one pixel.
  var isUsable: Bool {
    width > 0 && height > 0 && width <= RGBImage.maxSide && height <= RGBImage.maxSide
      && pixels.count == width * height * 3
  }
}

/// How a view lies in memory: (S,S,3) or (3,S,S).
package enum PixelLayout: Sendable {
  case interleaved
  case planar
}
