// The error codes are the header's: same names, same numbers, none missing.

import Glibc
import ScrlBase
import Testing

@Suite("Errors")
struct ErrorTests {
  @Test("Codes and names are those of scrl.h")
  func sameAsHeader() throws {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let header = try #require(text(of: "/\(root)/include/scrl.h"))
    var declared: [String: Int32] = [:]
    for line in header.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count >= 3, words[0].hasPrefix("SCRL_E_"), words[1] == "=" else { continue }
      declared[String(words[0])] = Int32(words[2].split(separator: ",")[0])
    }
    let ours = ScrlError.Code.allCases.map { ($0.name, $0.rawValue) }
    #expect(declared == Dictionary(uniqueKeysWithValues: ours))
    #expect(declared.count == 13)
  }

  private func text(of path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 {
      bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
