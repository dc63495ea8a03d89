import Testing

@testable import ScrlImage

@Suite struct ResampleTests {
  @Test("A resized crop is Pillow's, byte for byte: up, down, flipped, one pixel wide")
  func cropsEqualPillow() throws {
    let source = try PixelFixture("resample_source")
    let cases = try PixelFixture("resample_cases")
    let expected = try PixelFixture("resample_expected").bytes
    let resampler = Resampler()
    let width = source.shape[1]
    var offset = 0
    for index in 0..<cases.shape[0] {
      let c = cases.slice(index).map(Int.init)
      let (x, y, w, h, targetWidth, targetHeight) = (c[0], c[1], c[2], c[3], c[4], c[5])
      var result = [UInt8](repeating: 0, count: targetWidth * targetHeight * 3)
      source.bytes.withUnsafeBufferPointer { pixels in
        resampler.resample(
          pixels.baseAddress! + (y * width + x) * 3, rowStride: width * 3,
          x: ResampleAxis(from: w, to: targetWidth), y: ResampleAxis(from: h, to: targetHeight),
          flipped: c[6] == 1, into: &result)
      }
      let wanted = Array(expected[offset..<offset + result.count])
      #expect(difference(result, wanted).count == 0, "case \(index): \(c)")
      offset += result.count
    }
    #expect(offset == expected.count)
  }

  @Test("The inference view is Pillow's resize and centre crop", arguments: ["wide", "tall"])
  func centreEqualsPillow(name: String) throws {
    let image = try PixelFixture("centre_" + name).image
    let expected = try PixelFixture("centre_\(name)_expected").bytes
    var wanted = [Float](repeating: 0, count: expected.count)
    normalise(expected, .planar, into: &wanted)
    var result = [Float](repeating: .nan, count: expected.count)
    try prepareForInference(image, size: 20, layout: .planar, into: &result)
    #expect(result == wanted)
  }

  @Test("Each output's weights sum to one within their rounding")
  func weightsSumToOne() {
    for (source, target) in [(1, 7), (5, 5), (640, 224), (224, 640), (3, 1000), (65_500, 3)] {
      let axis = ResampleAxis(from: source, to: target)
      for output in 0..<target {
        let first = output * axis.taps
        let total = axis.weights[first..<first + axis.taps].reduce(0) { $0 + Int($1) }
        // Each weight is off by at most half a unit of 2⁻²².
        #expect(abs(total - 1 << 22) <= axis.taps / 2 + 1)
        #expect(axis.starts[output] >= 0)
        #expect(axis.starts[output] + axis.taps <= source)
      }
    }
  }

  @Test("Both layouts hold the same numbers, and they are (v/255 − mean)/deviation")
  func layouts() {
    let pixels: [UInt8] = [0, 128, 255, 7, 8, 9]
    var interleaved = [Float](repeating: 0, count: 6)
    var planar = interleaved
    normalise(pixels, .interleaved, into: &interleaved)
    normalise(pixels, .planar, into: &planar)
    #expect(planar == [0, 3, 1, 4, 2, 5].map { interleaved[$0] })
    // Values of magnitude ≤ 2.2 after three Float roundings: two units in the last place.
    #expect(abs(Double(interleaved[0]) - (0 - 0.485) / 0.229) <= 0x1p-21)
    #expect(abs(Double(interleaved[5]) - (9.0 / 255 - 0.406) / 0.225) <= 0x1p-21)
  }
}
