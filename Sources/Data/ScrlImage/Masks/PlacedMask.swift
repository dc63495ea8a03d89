// A picture's mask as it is resized and mirrored, by the nearest pixel: Pillow's NEAREST.

import ScrlBase

extension Fit {
  /// A mask of the picture as one of the result: the nearest pixel's value.
  package func place(_ mask: RunLengths) throws(ScrlError) -> RunLengths {
    guard (mask.height, mask.width) == source else {
      throw ScrlError(
        .data,
        "mask: got \(mask.height)×\(mask.width) · expected the picture's "
          + "\(source.height)×\(source.width)")
    }
    let before = mask.decode()
    var after = [UInt8](repeating: 0, count: height * width)
    let columns = (0..<width).map { column in
      nearest(flipped ? width - 1 - column : column, of: width, in: source.width)
    }
    for row in 0..<height {
      let line = nearest(row, of: height, in: source.height) * source.width
      for column in 0..<width { after[row * width + column] = before[line + columns[column]] }
    }
    return try after.withRunLengths(height: height, width: width)
  }

  /// The source cell under the centre of a cell.
  private func nearest(_ cell: Int, of cells: Int, in sources: Int) -> Int {
    min(Int((Double(cell) + 0.5) * Double(sources) / Double(cells)), sources - 1)
  }
}

extension [UInt8] {
  fileprivate func withRunLengths(height: Int, width: Int) throws(ScrlError) -> RunLengths {
    var result: Result<RunLengths, ScrlError>?
    withUnsafeBufferPointer { bytes in
      result = Result { () throws(ScrlError) in
        try RunLengths(mask: bytes, height: height, width: width)
      }
    }
    guard let result else { throw ScrlError(.internal, "mask: no run lengths") }
    return try result.get()
  }
}
