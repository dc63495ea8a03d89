// Reads .npy fixtures: version 1 header, little-endian numbers, C order. Nothing else.

import Glibc

package struct NpyArray {
  package let shape: [Int]
  package let doubles: [Double]

  package var values: [Float] { doubles.map(Float.init) }

  /// The slice `index` along the first axis.
  package func row(_ index: Int) -> ArraySlice<Double> {
    let count = shape.dropFirst().reduce(1, *)
    return doubles[index * count..<(index + 1) * count]
  }
}

package struct NpyError: Error, CustomStringConvertible {
  package let description: String
}

/// `fixture("kernels/linear.x")` reads Tests/Fixtures/kernels/linear.x.npy.
package func fixture(_ name: String) throws -> NpyArray {
  try npyArray("\(testsFolder)/Fixtures/\(name).npy")
}

/// The folder Tests of this checkout.
package let testsFolder = #filePath.split(separator: "/", omittingEmptySubsequences: false)
  .dropLast(2).joined(separator: "/")

package func npyArray(_ path: String) throws -> NpyArray {
  let bytes = try fileBytes(path)
  guard bytes.count >= 10, Array(bytes[0..<7]) == [0x93] + Array("NUMPY".utf8) + [1] else {
    throw NpyError(description: "\(path): not a version 1 .npy file")
  }
  let start = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
  let header = String(decoding: bytes[10..<min(start, bytes.count)], as: UTF8.self)
  let words = header.split(separator: "'")
  guard header.contains("'fortran_order': False"),
    let key = words.firstIndex(of: "descr"), key + 2 < words.count,
    let open = header.firstIndex(of: "("), let close = header.firstIndex(of: ")")
  else { throw NpyError(description: "\(path): not an array in C order: \(header)") }
  let type = String(words[key + 2])
  let shape = header[header.index(after: open)..<close].split(separator: ",").compactMap {
    Int($0.filter(\.isNumber))
  }
  let width = type.last.flatMap(\.wholeNumberValue) ?? 0
  let count = shape.reduce(1, *)
  guard let number = decoders[type], bytes.count == start + width * count else {
    throw NpyError(description: "\(path): \(bytes.count) bytes do not hold \(type) \(shape)")
  }
  let doubles = (0..<count).map { i in
    number((0..<width).reduce(UInt64(0)) { $0 | UInt64(bytes[start + width * i + $1]) << (8 * $1) })
  }
  return NpyArray(shape: shape, doubles: doubles)
}

private let decoders: [String: @Sendable (UInt64) -> Double] = [
  "<f4": { Double(Float(bitPattern: UInt32(truncatingIfNeeded: $0))) },
  "<f8": { Double(bitPattern: $0) },
  "<i2": { Double(Int16(truncatingIfNeeded: $0)) },
  "<u4": { Double($0) },
  "|u1": { Double($0) },
]

/// `fixtureText("coco/masks.txt")` reads Tests/Fixtures/coco/masks.txt.
package func fixtureText(_ name: String) throws -> String {
  String(decoding: try fileBytes("\(testsFolder)/Fixtures/\(name)"), as: UTF8.self)
}

private func fileBytes(_ path: String) throws -> [UInt8] {
  guard let file = fopen(path, "rb") else { throw NpyError(description: "\(path): not there") }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var part = [UInt8](repeating: 0, count: 1 << 16)
  while case let count = fread(&part, 1, part.count, file), count > 0 {
    bytes += part[..<count]
  }
  return bytes
}
