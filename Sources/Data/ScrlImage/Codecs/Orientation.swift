// EXIF orientation: how a picture's stored rows and columns lie to one who looks at it, 1…8.
// Letters: H×W as stored; upright is H×W for 1…4 and W×H for 5…8.
// In a JPEG file it is tag 0x0112 of the first directory of a segment APP1 "Exif"; values other than
// 1…8 mean nothing and count as 1. XMP's tiff:Orientation is not looked at: viewers do not either.

import CTurboJPEG
import ScrlBase

package struct Orientation: Equatable, Sendable {
  package let value: Int  // 1…8

  package static let upright = Orientation(value: 1)

  private init(value: Int) { self.value = value }

  package init?(_ value: Int) {
    guard (1...8).contains(value) else { return nil }
    self.value = value
  }

  package var isUpright: Bool { value == 1 }

  /// True when upright height is stored width.
  package var swapsSides: Bool { value >= 5 }

  /// Height and width of the picture as it is looked at.
  package func upright(height: Int, width: Int) -> (height: Int, width: Int) {
    swapsSides ? (width, height) : (height, width)
  }

  /// The operation that makes stored pixels upright.
  var operation: TJXOP {
    switch value {
    case 2: TJXOP_HFLIP
    case 3: TJXOP_ROT180
    case 4: TJXOP_VFLIP
    case 5: TJXOP_TRANSPOSE
    case 6: TJXOP_ROT90
    case 7: TJXOP_TRANSVERSE
    case 8: TJXOP_ROT270
    default: TJXOP_NONE
    }
  }
}

extension RGBImage {
  /// The picture as it is looked at, of pixels stored with this orientation.
  package func turned(_ orientation: Orientation) -> RGBImage {
    guard !orientation.isUpright, isUsable else { return self }
    let size = orientation.upright(height: height, width: width)
    let (row, pixel) = (3 * width, 3)
    let (lastRow, lastPixel) = ((height - 1) * row, (width - 1) * pixel)
    // Where the upright picture's first pixel is stored, and the steps to its neighbours.
    let (start, right, down): (Int, Int, Int)
    switch orientation.value {
    case 2: (start, right, down) = (lastPixel, -pixel, row)
    case 3: (start, right, down) = (lastRow + lastPixel, -pixel, -row)
    case 4: (start, right, down) = (lastRow, pixel, -row)
    case 5: (start, right, down) = (0, row, pixel)
    case 6: (start, right, down) = (lastRow, -row, pixel)
    case 7: (start, right, down) = (lastRow + lastPixel, -row, -pixel)
    default: (start, right, down) = (lastPixel, row, -pixel)
    }
    var result = RGBImage(width: size.width, height: size.height)
    pixels.withUnsafeBufferPointer { source in
      result.pixels.withUnsafeMutableBufferPointer { target in
        var place = 0
        for y in 0..<size.height {
          var from = start + y * down
          for _ in 0..<size.width {
            target[place] = source[from]
            target[place &+ 1] = source[from &+ 1]
            target[place &+ 2] = source[from &+ 2]
            place &+= 3
            from &+= right
          }
        }
      }
    }
    return result
  }
}

/// The orientation tags of a JPEG file. Bytes from anywhere: every offset is checked, and nothing
/// that a file says is followed more than once.
package struct OrientationTags: Equatable, Sendable {
  /// What the first readable tag says; upright without one.
  package private(set) var orientation = Orientation.upright
  /// Where each tag's value lies, and the bytes that say "upright" there.
  private var places: [(offset: Int, upright: [UInt8])] = []
  private var isSet = false

  package init(_ jpeg: UnsafeRawBufferPointer) {
    for segment in JPEGSegment.all(jpeg) where segment.marker == 0xE1 {
      readSegment(jpeg, segment.body)
    }
  }

  package static func == (a: OrientationTags, b: OrientationTags) -> Bool {
    a.orientation == b.orientation && a.places.map(\.offset) == b.places.map(\.offset)
  }

  /// Makes every tag of the stream say "upright".
  package func clear(_ stream: inout [UInt8]) {
    for (offset, bytes) in places where offset + bytes.count <= stream.count {
      for (index, byte) in bytes.enumerated() { stream[offset + index] = byte }
    }
  }

  private mutating func readSegment(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
    let mark = Array("Exif\0\0".utf8)
    guard range.count >= mark.count + 8,
      bytes[range.lowerBound..<range.lowerBound + mark.count].elementsEqual(mark)
    else { return }
    let tiff = range.lowerBound + mark.count
    let isBig: Bool
    switch (bytes[tiff], bytes[tiff + 1]) {
    case (0x4D, 0x4D): isBig = true
    case (0x49, 0x49): isBig = false
    default: return
    }
    /// A number of `count` bytes at an offset that has been checked.
    func number(_ offset: Int, _ count: Int) -> Int {
      (0..<count).reduce(0) { sum, index in
        sum << 8 | Int(bytes[offset + (isBig ? index : count - 1 - index)])
      }
    }
    let directory = number(tiff + 4, 4)
    guard number(tiff + 2, 2) == 42, directory >= 8, directory <= range.count,
      tiff + directory + 2 <= range.upperBound
    else { return }
    let first = tiff + directory + 2
    let entries = min(number(tiff + directory, 2), (range.upperBound - first) / 12)
    for entry in 0..<entries {
      let at = first + 12 * entry
      // BYTE, SHORT or LONG: some writers take more bytes than the standard's SHORT.
      guard number(at, 2) == 0x0112, number(at + 4, 4) == 1,
        let size = [1: 1, 3: 2, 4: 4][number(at + 2, 2)]
      else { continue }
      let one = [UInt8](repeating: 0, count: size - 1)
      places.append((at + 8, isBig ? one + [1] : [1] + one))
      if !isSet {
        isSet = true
        orientation = Orientation(number(at + 8, size)) ?? .upright
      }
    }
  }
}
