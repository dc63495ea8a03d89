// COCO's compressed run lengths. A number is written in chunks of five bits, lowest first, each as
// the character 48 + chunk, plus 32 where more follow; the fifth bit of the last chunk is the sign.
// From the fourth run on it is the difference to the run two before. The text is as pycocotools
// writes it; whatever it cannot have written is refused.

import ScrlBase

extension RunLengths {
  /// - Throws: `.data` for characters outside 48 … 111, an unfinished or too long number, negative
  ///   runs, a sum other than H·W.
  package init(compressed text: String, height: Int, width: Int) throws(ScrlError) {
    var text = text
    let made = text.withUTF8 { bytes -> Result<RunLengths, ScrlError> in
      do throws(ScrlError) {
        return .success(try RunLengths(compressed: bytes, height: height, width: width))
      } catch {
        return .failure(error)
      }
    }
    self = try made.get()
  }

  package init(
    compressed text: UnsafeBufferPointer<UInt8>, height: Int, width: Int
  ) throws(ScrlError) {
    var builder = try RunBuilder(height: height, width: width)
    var (last, before) = (0, 0)  // the run before this one, and the one before that
    var index = 0
    var place = 0
    while place < text.count {
      let number = try readNumber(text, &place)
      let run = index > 2 ? number + before : number
      try builder.add(run)
      (last, before) = (run, last)
      index += 1
    }
    self = try builder.finish()
  }

  /// The compressed text.
  package var compressed: String {
    var text: [UInt8] = []
    text.reserveCapacity(2 * counts.count)
    for (index, count) in counts.enumerated() {
      var rest = Int(count) - (index > 2 ? Int(counts[index - 2]) : 0)
      while true {
        let chunk = UInt8(truncatingIfNeeded: rest) & 31
        rest >>= 5
        let isLast = rest == (chunk & 16 == 0 ? 0 : -1)
        text.append(48 + (isLast ? chunk : chunk | 32))
        if isLast { break }
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}

/// Seven chunks hold every difference of two 32-bit numbers.
private let mostChunks = 7

private func readNumber(
  _ text: UnsafeBufferPointer<UInt8>, _ place: inout Int
) throws(ScrlError) -> Int {
  var value = 0
  for shift in 0..<mostChunks {
    guard place < text.count else {
      throw ScrlError(.data, "mask: the text ends within a number, after \(place) characters")
    }
    let letter = text[place]
    guard (48...111).contains(letter) else {
      throw ScrlError(
        .data, "mask: got byte \(letter) at \(place) · expected 48 … 111, COCO's compressed runs")
    }
    place += 1
    let chunk = Int(letter) - 48
    value |= (chunk & 31) << (5 * shift)
    if chunk & 32 == 0 {
      return chunk & 16 == 0 ? value : value - 1 << (5 * (shift + 1))
    }
  }
  throw ScrlError(
    .data, "mask: the number that ends at \(place) · expected at most \(mostChunks) characters")
}
