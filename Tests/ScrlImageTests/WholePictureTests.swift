import Testing

@testable import ScrlImage

@Suite("Whole pictures") struct WholePictureTests {
  @Test("A picture for a detector is Pillow's bilinear resize, normalised, in its corner")
  func picturesEqualPillow() throws {
    let source = try PixelFixture("resample_source").image
    let cases = try PixelFixture("whole_cases")
    let expected = try PixelFixture("whole_expected").bytes
    let fitter = PictureFitter()
    var offset = 0
    for index in 0..<cases.shape[0] {
      let c = cases.slice(index).map(Int.init)
      let fit = Fit(
        height: source.height, width: source.width, shortest: c[0], longest: c[1],
        flipped: c[2] == 1)
      #expect((fit.height, fit.width) == (c[3], c[4]), "case \(index)")
      let (rows, columns) = (fit.height + 3, fit.width + 5)
      var planes = [Float](repeating: -9, count: 3 * rows * columns)
      try fitter.write(
        source, fit, .bilinear, rowStride: columns, planeStride: rows * columns, into: &planes)
      let bytes = Array(expected[offset..<offset + fit.height * fit.width * 3])
      var wanted = [Float](repeating: 0, count: bytes.count)
      normalise(bytes, .planar, into: &wanted)
      for channel in 0..<3 {
        for row in 0..<rows {
          for column in 0..<columns {
            let place = (channel * rows + row) * columns + column
            let isInside = row < fit.height && column < fit.width
            let value =
              isInside ? wanted[(channel * fit.height + row) * fit.width + column] : -9
            if planes[place] != value {
              Issue.record("case \(index): channel \(channel), row \(row), column \(column)")
              return
            }
          }
        }
      }
      offset += bytes.count
    }
    #expect(offset == expected.count)
  }

  @Test("Its masks are Pillow's nearest resize")
  func masksEqualPillow() throws {
    let source = try PixelFixture("whole_mask")
    let mask = try source.bytes.withUnsafeBufferPointer {
      try RunLengths(mask: $0, height: 60, width: 90)
    }
    let cases = try PixelFixture("whole_cases")
    let expected = try PixelFixture("whole_masks_expected").bytes
    var offset = 0
    for index in 0..<cases.shape[0] {
      let c = cases.slice(index).map(Int.init)
      let fit = Fit(
        height: 60, width: 90, shortest: c[0], longest: c[1], flipped: c[2] == 1)
      let wanted = Array(expected[offset..<offset + c[3] * c[4]])
      #expect(try fit.place(mask).decode() == wanted, "case \(index)")
      offset += wanted.count
    }
    #expect(offset == expected.count)
  }

  @Test("A mask of another size than its picture is refused")
  func otherSize() throws {
    let mask = try RunLengths(uncompressed: [4], height: 2, width: 2)
    #expect(throws: (any Error).self) {
      _ = try Fit(height: 3, width: 2, shortest: 4, longest: 9).place(mask)
    }
  }
}
