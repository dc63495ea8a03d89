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
  let (step, plane) = layout == .interleaved ? (3, 1) : (1, count)
  normalised.withUnsafeBufferPointer { table in
    pixels.withUnsafeBufferPointer { pixels in
      for index in 0..<count {
        let place = target + index &* step
        place[0] = table[Int(pixels[3 &* index])]
        place[plane] = table[256 &+ Int(pixels[3 &* index &+ 1])]
        place[2 &* plane] = table[512 &+ Int(pixels[3 &* index &+ 2])]
      }
    }
  }
}

/// (H,W,3) bytes into the corner of planes of their own: three planes of `planeStride` floats, rows
/// of `rowStride`.
func normalise(
  _ pixels: [UInt8], height: Int, width: Int, rowStride: Int, planeStride: Int,
  into target: UnsafeMutablePointer<Float>
) {
  normalised.withUnsafeBufferPointer { table in
    pixels.withUnsafeBufferPointer { pixels in
      for row in 0..<height {
        let line = target + row &* rowStride
        for column in 0..<width {
          let pixel = 3 &* (row &* width &+ column)
          for channel in 0..<3 {
            line[channel &* planeStride &+ column] =
              table[256 &* channel &+ Int(pixels[pixel &+ channel])]
          }
        }
      }
    }
  }
}
