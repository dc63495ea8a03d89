// Bytes to floats: (v/255 − mean)/deviation per channel, with ImageNet's statistics.

private let channelMean: [Float] = [0.485, 0.456, 0.406]
private let channelDeviation: [Float] = [0.229, 0.224, 0.225]

/// All 256 values of each channel, worked out once: (3,256).
private let normalised: [Float] = (0..<3 * 256).map { entry in
  let (channel, value) = (entry / 256, entry % 256)
  return (Float(value) / 255 - channelMean[channel]) / channelDeviation[channel]
}

/// (S,S,3) bytes into (S,S,3) or (3,S,S) floats.
func normalise(
  _ pixels: [UInt8], _ layout: PixelLayout, into target: UnsafeMutablePointer<Float>
) {
  let count = pixels.count / 3
  let strides = layout == .interleaved ? (pixel: 3, plane: 1) : (pixel: 1, plane: count)
  normalise(
    pixels, height: 1, width: count, row: 3 * count, pixel: strides.pixel, plane: strides.plane,
    into: target)
}

/// (H,W,3) bytes into floats whose rows, pixels of a row and channels lie so many floats apart.
func normalise(
  _ pixels: [UInt8], height: Int, width: Int, row: Int, pixel: Int = 1, plane: Int,
  into target: UnsafeMutablePointer<Float>
) {
  normalised.withUnsafeBufferPointer { table in
    pixels.withUnsafeBufferPointer { pixels in
      for y in 0..<height {
        let line = target + y &* row
        let source = 3 &* y &* width
        for x in 0..<width {
          let (place, index) = (line + x &* pixel, source &+ 3 &* x)
          place[0] = table[Int(pixels[index])]
          place[plane] = table[256 &+ Int(pixels[index &+ 1])]
          place[2 &* plane] = table[512 &+ Int(pixels[index &+ 2])]
        }
      }
    }
  }
}
