// A dataset as a COCO file: what was imported comes back in the same figures.

import Foundation
import ScrlBase
import ScrlImage
import Testing

@testable import ScrlStore

@Suite("COCO export")
struct CocoExportTests {
  @Test("COCO → dataset → COCO gives back every figure", arguments: [0, 1, 2, 3])
  func roundTrip(decimals: Int) throws {
    let scratch = try Scratch()
    var random = RandomStream(seed: 11, sample: decimals, use: .test)
    let text = randomCoco(decimals, &random)
    let first = try CocoAnnotations(json: Array(text.utf8), source: "t")
    try pack(first, to: scratch("a.h5"))
    try writeCoco(DatasetReader(path: scratch("a.h5")), to: scratch("a.json"), libraryVersion: "t")
    let second = try CocoAnnotations(json: scratch.bytes("a.json"), source: "a")
    #expect(second.problems.isEmpty && second.images == first.images)
    #expect(second.categories == first.categories.sorted { $0.id < $1.id })
    #expect(second.annotations.count == first.annotations.count)
    for (one, two) in zip(first.annotations, second.annotations) {
      #expect((one.imageID, one.categoryID) == (two.imageID, two.categoryID))
      #expect(one.box == two.box)
      #expect((one.isCrowd, one.isDifficult) == (two.isCrowd, two.isDifficult))
      #expect(one.segmentation == two.segmentation)
      // Kept as float32, half a step of 2⁻²³; its shortest decimal lies within another half.
      let area = try #require(two.area)
      #expect(abs(area - (one.area ?? 0)) <= area * 0x1p-23)
    }
    // A second time round nothing moves at all.
    try pack(second, to: scratch("b.h5"))
    try writeCoco(DatasetReader(path: scratch("b.h5")), to: scratch("b.json"), libraryVersion: "t")
    #expect(try scratch.bytes("a.json") == scratch.bytes("b.json"))
    #expect(scratch.names == ["a.h5", "a.json", "b.h5", "b.json"])
  }

  @Test("Datasets without ids and names are exported with the first free ones")
  func withoutIDs() throws {
    let scratch = try Scratch()
    let names = ["a", "\"\\\n"]
    let writer = try DatasetWriter(path: scratch("d.h5"), classes: names, libraryVersion: "t")
    for (label, id) in [(0, nil), (1, 1), (0, nil)] as [(Int32, Int64?)] {
      let box = AnnotatedBox(x0: 0, y0: 0, x1: 2, y1: 3, label: label)
      try [UInt8(1)].withUnsafeBytes {
        try writer.add(
          jpeg: $0, width: 4, height: 5, annotation: SampleAnnotation(boxes: [box], imageID: id))
      }
    }
    try writer.finish()
    try writeCoco(DatasetReader(path: scratch("d.h5")), to: scratch("a.json"), libraryVersion: "t")
    let coco = try CocoAnnotations(json: scratch.bytes("a.json"), source: "a")
    #expect(coco.images.map(\.id) == [2, 1, 3] && coco.images[0].fileName == "000000000002.jpg")
    #expect(coco.categories == [.init(id: 1, name: "a"), .init(id: 2, name: "\"\\\n")])
    #expect(coco.annotations.map(\.categoryID) == [1, 2, 1] && coco.annotations[0].area == 6)
  }

  @Test("An export that cannot be leaves nothing, and the older file as it was")
  func failedExport() throws {
    let scratch = try Scratch()
    let writer = try DatasetWriter(path: scratch("d.h5"), libraryVersion: "t")
    let box = AnnotatedBox(x0: 0, y0: 0, x1: 1, y1: 1, label: -1)
    try [UInt8(1)].withUnsafeBytes {
      try writer.add(jpeg: $0, width: 4, height: 5, annotation: SampleAnnotation(boxes: [box]))
    }
    try writer.finish()
    let reader = try DatasetReader(path: scratch("d.h5"))
    try scratch.write("a.json", [1, 2])
    let error = #expect(throws: ScrlError.self) {
      try writeCoco(reader, to: scratch("a.json"), libraryVersion: "t")
    }
    #expect(error?.code == .data && error?.message.contains("has no class") == true)
    #expect(try scratch.bytes("a.json") == [1, 2] && scratch.names == ["a.json", "d.h5"])
    #expect(throws: ScrlError.self) {
      try writeCoco(reader, to: scratch("none/a.json"), libraryVersion: "t")
    }
  }

  /// Packs without images: storage does not look inside of streams.
  private func pack(_ coco: CocoAnnotations, to path: String) throws {
    let gate = CocoGate(coco)
    let writer = try DatasetWriter(path: path, libraryVersion: "t")
    let numbers = try gate.classes.map { try writer.addClass($0.name, id: $0.id) }
    for (place, image) in gate.images.enumerated() {
      let size = try #require(image.size)
      let made = try gate.sample(of: place, size: size, numbers: numbers)
      #expect(made.issues.isEmpty && gate.issues.isEmpty)
      try [UInt8(1)].withUnsafeBytes {
        try writer.add(
          jpeg: $0, width: size.width, height: size.height, annotation: made.annotation)
      }
    }
    try writer.finish()
  }
}

/// Images of sizes of their own, with boxes of so many decimals inside, every kind of mask.
func randomCoco(
  _ decimals: Int, _ random: inout RandomStream, images count: Int = 12
) -> String {
  let scale = [1, 10, 100, 1000][decimals]
  func number(_ steps: Int) -> String { "\(Double(steps) / Double(scale))" }
  var (images, annotations): ([String], [String]) = ([], [])
  for image in 0..<count {
    let (width, height) = (random.integer(in: 30..<641), random.integer(in: 30..<641))
    let id = 1000 - 7 * image
    images.append(
      "{\"id\": \(id), \"file_name\": \"v/\(id).jpg\", \"width\": \(width), \"height\": \(height)}")
    for _ in 0..<random.integer(in: 0..<9) {
      let x = random.integer(in: 0..<(width - 2) * scale)
      let y = random.integer(in: 0..<(height - 2) * scale)
      let w = random.integer(in: 1..<width * scale - x + 1)
      let h = random.integer(in: 1..<height * scale - y + 1)
      let zeros = random.integer(in: 0..<width * height)
      let ones = random.integer(in: 1..<width * height - zeros + 1)
      let runs = [zeros, ones, width * height - zeros - ones].filter { $0 > 0 }
      let made = try? RunLengths(
        uncompressed: zeros == 0 ? [0] + runs : runs, height: height, width: width)
      let counts = jsonText(made?.compressed ?? "")
      let mask =
        random.integer(in: 0..<3) == 0
        ? "[]" : "{\"size\": [\(height), \(width)], \"counts\": \(counts)}"
      let area = number(random.integer(in: 1..<width * height * scale))
      annotations.append(
        "{\"id\": \(annotations.count + 1), \"image_id\": \(id), "
          + "\"category_id\": \(random.integer(in: 0..<2) == 0 ? 3 : 88), "
          + "\"bbox\": [\(number(x)), \(number(y)), \(number(w)), \(number(h))], "
          + "\"area\": \(area), \"iscrowd\": \(random.integer(in: 0..<2)), "
          + "\"difficult\": \(random.integer(in: 0..<2)), \"segmentation\": \(mask)}")
    }
  }
  return "{\"images\": [\(images.joined(separator: ", "))], \"categories\": [{\"id\": 88, "
    + "\"name\": \"a\"}, {\"id\": 3, \"name\": \"b\"}], \"annotations\": ["
    + annotations.joined(separator: ",\n") + "]}"
}
