import Testing

@testable import ScrlImage

@Suite struct ColorTests {
  @Test("Brightness, contrast, saturation, hue, grayscale, solarize are torchvision's, exactly")
  func operationsEqualTorchvision() throws {
    let source = try PixelFixture("colour_source").bytes
    let cases = try PixelFixture("colour_cases")
    let expected = try PixelFixture("colour_expected")
    let count = source.count / 3
    for index in 0..<cases.shape[0] {
      let (operation, hundredths) = (cases.slice(index)[0], Int(cases.slice(index)[1]))
      let factor = Double(hundredths) / 100
      var pixels = source
      switch operation {
      case 0: adjustBrightness(factor, &pixels, count: count)
      case 1: adjustContrast(factor, &pixels, count: count)
      case 2: adjustSaturation(factor, &pixels, count: count)
      case 3: adjustHue(Double(hundredths - 50) / 100, &pixels, count: count)
      case 4: convertToGray(&pixels, count: count)
      default: solarize(threshold: 128, &pixels, count: count)
      }
      let apart = difference(pixels, expected.slice(index))
      #expect(apart.count == 0, "operation \(operation), \(hundredths): \(apart)")
    }
  }

  @Test("Resize blur is Pillow's; Gaussian blur is the float convolution within one level")
  func blursEqualTorchvision() throws {
    let source = try PixelFixture("blur_source")
    let expected = try PixelFixture("blur_expected")
    let blurrer = Blurrer(size: source.shape[0])
    for level in 0..<3 {
      var pixels = source.bytes
      blurrer.resizeBlur(level: level, &pixels, Resampler())
      #expect(difference(pixels, expected.slice(level)).count == 0, "level \(level)")
    }
    for (index, sigma) in [0.1, 1.0, 2.0].enumerated() {
      var pixels = source.bytes
      blurrer.gaussianBlur(sigma: sigma, &pixels)
      // Float against Double sums: only values at the rounding edge may differ, by one.
      let apart = difference(pixels, expected.slice(3 + index))
      #expect(apart.largest <= 1 && apart.count <= 10, "sigma \(sigma): \(apart)")
    }
  }

  @Test("The shrunken side is the floor of the quotient of the doubles, and never 0")
  func shrunkenSide() {
    #expect(Blurrer.factors.map { Blurrer.shrunk(224, by: $0) } == [203, 186, 149])
    #expect(Blurrer.shrunk(165, by: 1.1) == 149)
    #expect(Blurrer.factors.map { Blurrer.shrunk(1, by: $0) } == [1, 1, 1])
  }
}
