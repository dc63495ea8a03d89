// Reads .npy fixtures: version 1 header, float32 little-endian, C order. Nothing else.

import Foundation

package struct NpyArray {
  package let shape: [Int]
  package let values: [Float]
}

package struct NpyError: Error, CustomStringConvertible {
  package let description: String
}

/// `fixture("kernels/linear.x")` reads Tests/Fixtures/kernels/linear.x.npy.
package func fixture(_ name: String) throws -> NpyArray {
  let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fixtures")
  let data = try Data(contentsOf: folder.appendingPathComponent(name + ".npy"))
  return try readNpy([UInt8](data), name)
}

private func readNpy(_ bytes: [UInt8], _ name: String) throws -> NpyArray {
  guard bytes.count >= 10, Array(bytes[0..<7]) == [0x93] + Array("NUMPY".utf8) + [1] else {
    throw NpyError(description: "\(name): not a version 1 .npy file")
  }
  let start = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
  let header = String(decoding: bytes[10..<min(start, bytes.count)], as: UTF8.self)
  guard header.contains("'<f4'"), header.contains("'fortran_order': False"),
    let open = header.firstIndex(of: "("), let close = header.firstIndex(of: ")")
  else { throw NpyError(description: "\(name): not float32 in C order: \(header)") }
  let shape = header[header.index(after: open)..<close].split(separator: ",").compactMap {
    Int($0.trimmingCharacters(in: .whitespaces))
  }
  let count = shape.reduce(1, *)
  guard bytes.count == start + 4 * count else {
    throw NpyError(description: "\(name): \(bytes.count) bytes do not hold shape \(shape)")
  }
  let values = (0..<count).map { i -> Float in
    let at = start + 4 * i
    let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) }
    return Float(bitPattern: bits)
  }
  return NpyArray(shape: shape, values: values)
}
