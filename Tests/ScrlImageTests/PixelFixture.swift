// Reads the fixtures of Tests/Fixtures/image: bytes of a file, and .npy arrays of uint8 (version 1,
// C order). Made by Tests/Fixtures/make_image.py.

import Glibc

@testable import ScrlImage

struct PixelFixture {
  struct Unreadable: Error { let name: String }

  let shape: [Int]
  let bytes: [UInt8]

  init(_ name: String) throws {
    let file = try fixtureBytes(name + ".npy")
    guard file.count > 10, file[6] == 1 else { throw Unreadable(name: name) }
    let headerEnd = 10 + Int(file[8]) + Int(file[9]) << 8
    let header = String(decoding: file[10..<headerEnd], as: UTF8.self)
    guard header.contains("'|u1'"), header.contains("'fortran_order': False") else {
      throw Unreadable(name: name)
    }
    let inside = header.split(separator: "(")[1].split(separator: ")")[0]
    shape = inside.split(separator: ",").compactMap { Int($0.filter(\.isNumber)) }
    bytes = Array(file[headerEnd...])
    guard bytes.count == shape.reduce(1, *) else { throw Unreadable(name: name) }
  }

  /// The fixture's slice `index` along its first axis.
  func slice(_ index: Int) -> [UInt8] {
    let count = bytes.count / shape[0]
    return Array(bytes[index * count..<(index + 1) * count])
  }

  var image: RGBImage {
    get throws { try RGBImage(width: shape[1], height: shape[0], pixels: bytes) }
  }
}

func fixtureBytes(_ name: String) throws -> [UInt8] {
  let here = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
  let path = here.joined(separator: "/") + "/Fixtures/image/" + name
  guard let file = fopen(path, "rb") else { throw PixelFixture.Unreadable(name: name) }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var part = [UInt8](repeating: 0, count: 1 << 16)
  while case let count = fread(&part, 1, part.count, file), count > 0 {
    bytes += part[..<count]
  }
  return bytes
}

/// The largest difference and how many bytes differ at all.
func difference(_ a: [UInt8], _ b: [UInt8]) -> (largest: Int, count: Int) {
  guard a.count == b.count else { return (Int.max, Int.max) }
  let apart = zip(a, b).map { abs(Int($0) - Int($1)) }
  return (apart.max() ?? 0, apart.filter { $0 > 0 }.count)
}
