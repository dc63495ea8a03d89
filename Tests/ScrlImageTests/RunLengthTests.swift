// Masks as run lengths and polygons, against pycocotools (Tests/Fixtures/make_coco_masks.py), and
// texts that nobody should have written.

import ScrlBase
import TestSupport
import Testing

@testable import ScrlImage

/// The fields of every line of a fixture.
private func lines(_ name: String) throws -> [[Substring]] {
  try fixtureText(name).split(separator: "\n").map {
    $0.split(separator: "|", omittingEmptySubsequences: false)
  }
}

private func ints(_ text: Substring) -> [Int] { text.split(separator: " ").compactMap { Int($0) } }

/// The bits of packed rows, 0 or 1 a byte.
private func bits(hex: Substring, count: Int) -> [UInt8] {
  let digits = hex.compactMap(\.hexDigitValue)
  return (0..<count).map { UInt8(digits[$0 / 4] >> (3 - $0 % 4) & 1) }
}

private func encode(_ mask: [UInt8], _ height: Int, _ width: Int) throws -> RunLengths {
  try mask.withUnsafeBufferPointer { bytes in
    try RunLengths(mask: bytes, height: height, width: width)
  }
}

@Test("masks: text, pixels, area, bounds, union, intersection and overlap are pycocotools'")
func masksAsInPycocotools() throws {
  let cases = try lines("coco/masks.txt")
  #expect(cases.count == 160)
  var before: RunLengths?
  for fields in cases {
    let (h, w) = (ints(fields[0])[0], ints(fields[0])[1])
    let pixels = bits(hex: fields[1], count: h * w)
    let mask = try RunLengths(compressed: String(fields[2]), height: h, width: w)
    #expect(mask.decode() == pixels)
    #expect(try encode(pixels, h, w) == mask)
    #expect(mask.compressed == fields[2])
    #expect(mask.area == Int(fields[3]))
    let box = mask.bounds
    #expect([box.x, box.y, box.width, box.height] == ints(fields[4]))
    if fields[5] != "-", let other = before {
      #expect(try mask.union(other).compressed == fields[5])
      let three = try #require(try RunLengths.union([mask, other, mask]))
      #expect(three.compressed == fields[5])
      #expect(try mask.intersection(other).compressed == fields[6])
      let overlaps = try RunLengths.overlaps([mask], [other, other], isCrowd: [false, true])
      #expect(overlaps == [Double(fields[7]), Double(fields[8])])
    }
    before = mask
  }
}

@Test("400 polygons become the pixels that pycocotools makes of them")
func polygonsAsInPycocotools() throws {
  let cases = try lines("coco/polygons.txt")
  #expect(cases.count == 400)
  for (index, fields) in cases.enumerated() {
    let parts = fields[1].split(separator: ";").map { part in
      part.split(separator: " ").compactMap { Double($0) }
    }
    let (h, w) = (ints(fields[0])[0], ints(fields[0])[1])
    let mask = try rasterise(polygons: parts, height: h, width: w)
    #expect(mask.compressed == fields[2], "case \(index)")
    #expect(try RunLengths(compressed: mask.compressed, height: h, width: w) == mask)
  }
}

@Test("runs of 0 within a mask are joined away: equal masks are equal")
func canonicalRuns() throws {
  let mask = try RunLengths(uncompressed: [2, 3, 1], height: 2, width: 3)
  for runs in [[2, 1, 0, 2, 1], [2, 3, 1, 0], [0, 0, 2, 3, 0, 0, 1], [1, 0, 1, 3, 1, 0, 0]] {
    #expect(try RunLengths(uncompressed: runs, height: 2, width: 3) == mask, "\(runs)")
  }
  #expect(try RunLengths(uncompressed: [0, 6], height: 2, width: 3).counts == [0, 6])
  #expect(try RunLengths(uncompressed: [6, 0], height: 2, width: 3).counts == [6])
}

@Test(
  "a text that is no mask of that size is refused",
  arguments: [
    ("", "sum to 0"),
    ("5", "sum to 5"),  // 5 of 6
    ("7", "what is left"),
    ("6 ", "byte 32"),
    ("6\u{0}", "byte 0"),
    ("ö", "byte 195"),
    ("6~", "byte 126"),
    ("/", "byte 47"),
    ("O1", "run 0 is -1"),  // 31 with the sign: −1
    ("6P", "ends within a number"),
    ("6oooooooo0", "at most 7"),
    ("6PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP1", "at most 7"),
    ("111N", "run 3 is -1"),  // 1 1 1, then 1 − 2
    ("0oooooo?", "what is left"),  // 2³⁴ − 1
    ("0PPPPPP@", "run 1 is -"),
  ])
func hostileTexts(text: String, part: String) throws {
  let error = #expect(throws: ScrlError.self) {
    try RunLengths(compressed: text, height: 2, width: 3)
  }
  #expect(error?.code == .data)
  #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
}

@Test("sides that no image has, wrong sums and negative runs are refused")
func hostileRuns() {
  for (h, w) in [(0, 3), (3, 0), (-1, 3), (65536, 1), (1, Int.max)] {
    #expect(throws: ScrlError.self) {
      try RunLengths(uncompressed: [3], height: h, width: w)
    }
    #expect(throws: ScrlError.self) {
      try rasterise(polygons: [[0, 0, 1, 0, 1, 1]], height: h, width: w)
    }
  }
  for runs in [[], [5], [7], [3, -1, 4], [Int.max, 1], [0, 6, Int.max]] {
    #expect(throws: ScrlError.self, "\(runs)") {
      try RunLengths(uncompressed: runs, height: 2, width: 3)
    }
  }
}

@Test("every text of random letters is refused or is a mask of that size")
func randomTexts() {
  var accepted = 0
  for sample in 0..<20_000 {
    var stream = RandomStream(seed: 7, epoch: 0, sample: sample, use: .test)
    let count = Int(stream.next32() % 9)
    // Every second text of short runs, which sum to so small a size now and then.
    let (first, letters): (UInt32, UInt32) = sample % 2 == 0 ? (46, 68) : (48, 8)
    let text = (0..<count).map { _ in UInt8(first + stream.next32() % letters) }
    let (h, w) = (Int(1 + stream.next32() % 6), Int(1 + stream.next32() % 6))
    guard
      let mask = try? RunLengths(
        compressed: String(decoding: text, as: UTF8.self), height: h, width: w)
    else { continue }
    accepted += 1
    #expect(mask.counts.reduce(0) { $0 + Int($1) } == h * w)
    #expect(mask.decode().reduce(0) { $0 + Int($1) } == mask.area)
  }
  #expect(accepted > 100)
}

@Test("polygons that are none are refused, with the reason")
func hostilePolygons() {
  let cases: [([[Double]], String)] = [
    ([], "got none"),
    ([[]], "got 0 numbers"),
    ([[0, 0, 1, 1]], "got 4 numbers"),
    ([[0, 0, 1, 1, 2, 2, 3]], "got 7 numbers"),
    ([[0, 0, 1, .nan, 2, 2]], "nan"),
    ([[0, 0, 1, .infinity, 2, 2]], "inf"),
    ([[0, 0, 1e300, 1, 2, 2]], "1e+300"),
    ([[Double]](repeating: [-1e5, -1e5, 1e5, 1e5, -1e5, 1e5], count: 60), "an outline of"),
  ]
  for (polygons, part) in cases {
    let error = #expect(throws: ScrlError.self) {
      try rasterise(polygons: polygons, height: 10, width: 10)
    }
    #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
  }
}

@Test("masks of different sizes do not go together")
func differentSizes() throws {
  let a = try RunLengths(uncompressed: [1, 5], height: 2, width: 3)
  let b = try RunLengths(uncompressed: [1, 5], height: 3, width: 2)
  #expect(throws: ScrlError.self) { try a.union(b) }
  #expect(throws: ScrlError.self) { try a.intersection(b) }
  #expect(throws: ScrlError.self) { try RunLengths.union([a, b]) }
  #expect(throws: ScrlError.self) { try RunLengths.overlaps([a], [b], isCrowd: [false]) }
  #expect(throws: ScrlError.self) { try RunLengths.overlaps([a], [a], isCrowd: []) }
}
