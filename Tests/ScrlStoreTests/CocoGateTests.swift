// What passes from a COCO file into a dataset, and that it comes back in the same figures.

import Foundation
import ScrlBase
import ScrlImage
import Testing

@testable import ScrlStore

@Suite("COCO import and export")
struct CocoGateTests {
  @Test("Entries that fit nothing are skipped with their reason")
  func unusable() throws {
    let gate = try self.gate(
      images: """
        {"id": 1, "file_name": "a.jpg", "width": 20, "height": 10}, {"id": 7, "file_name": "b.jpg"},
        {"id": 7, "file_name": "d.jpg"}, {"id": 3, "file_name": "../c.jpg"},
        {"id": 4, "file_name": "/etc/c.jpg"}, {"id": 5, "file_name": ""}, {"id": 6},
        {"id": 9, "file_name": "x\\\\..\\\\c.jpg"}, {"id": 10, "file_name": "C:\\\\c.jpg"}
        """,
      categories: """
        {"id": 9, "name": "z"}, {"id": 2, "name": "y"}, {"id": 3, "name": "w"}, {"id": 3, "name": "v"}
        """,
      annotations: """
        {"id": 1, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]},
        {"id": 1, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]},
        {"id": 2, "image_id": 8, "category_id": 2, "bbox": [1, 2, 3, 4]},
        {"id": 3, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]},
        {"id": 4, "image_id": 1, "category_id": 2, "bbox": 4},
        {"id": 5, "image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4]},
        {"image_id": 1, "category_id": 4, "bbox": [1, 2, 3, 4]}
        """)
    #expect(gate.classes.map(\.name) == ["y", "z"] && gate.classes.map(\.id) == [2, 9])
    #expect(gate.images.map(\.fileName) == ["a.jpg"])
    #expect(gate.annotationCount(of: 0) == 2)
    let expected = [
      "image 6: has no file_name", "annotation 4 of a.jpg: bbox is a number, expected four numbers",
      "category 3: its id is that of another category too",
      "category 3: its id is that of another category too",
      "image 7 (b.jpg): its id is that of another file too, and is annotated; its annotations, 1,",
      "image 7 (d.jpg): its id is that of another file too",
      "image 3 (../c.jpg): its file_name leads out of the folder",
      "image 4 (/etc/c.jpg): its file_name leads out", "image 5: its file_name is empty",
      "image 9 (x\\..\\c.jpg): its file_name leads out",
      "image 10 (C:\\c.jpg): its file_name leads out",
      "annotation 2: image_id 8 is no usable image of the file",
      "annotation 3 of a.jpg: category_id 3 is that of two categories",
      "annotation of a.jpg: entry 6 of the list: category_id 4 is no usable category of the file",
    ]
    let told = gate.issues.filter { $0.action == .skipped }
    #expect(told.count == expected.count)
    for (issue, text) in zip(told, expected) {
      #expect(issue.text.hasPrefix(text), "\(issue.text)")
    }
    // Two entries, and one image with its annotation, three more by their ids.
    #expect(told.reduce(0) { $0 + $1.objects } == 5)
  }

  @Test("Entries that mean the same are one; ids that do not fit get other numbers")
  func merged() throws {
    let gate = try self.gate(
      images: """
        {"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "./a.jpg"},
        {"id": 2, "file_name": "s/b.jpg"}, {"id": 3, "file_name": "s\\\\b.jpg"},
        {"id": -2, "file_name": "c.jpg"}, {"id": 8, "file_name": "d.jpg"},
        {"id": 8, "file_name": "e.jpg"}
        """,
      categories: """
        {"id": 0, "name": "fish"}, {"id": 1, "name": "fish"}, {"id": 5, "name": "fish"},
        {"id": 4294967296, "name": "w"}, {"id": -1, "name": "v"}, {"id": 7, "name": ""},
        {"id": 1, "name": "fish"}
        """,
      annotations: """
        {"image_id": 1, "category_id": 5, "bbox": [1, 2, 3, 4]},
        {"image_id": 2, "category_id": 5, "bbox": [1, 2, 3, 4]},
        {"image_id": 3, "category_id": 0, "bbox": [1, 2, 3, 4]},
        {"image_id": 3, "category_id": 0, "bbox": [1, 2, 3, 5]},
        {"image_id": -2, "category_id": -1, "bbox": [1, 2, 3, 4]}
        """)
    #expect(gate.images.map(\.fileName) == ["a.jpg", "s/b.jpg", "c.jpg", "d.jpg", "e.jpg"])
    #expect(gate.images.map(\.id) == [1, 2, 4, 8, 5])
    #expect(gate.images.indices.map { gate.annotationCount(of: $0) } == [1, 2, 1, 0, 0])
    #expect(gate.classes.map(\.name) == ["fish", "v", "w", "class 7"])
    #expect(gate.classes.map(\.id) == [0, 2, 3, 7])
    let lost = gate.issues.filter { $0.action == .skipped }
    #expect(lost.map(\.reason) == [
      "entry 2 of the list: repeats an object of the picture's other entry"
    ])
    let changed = gate.issues.filter { $0.action == .changed }
    #expect(changed.map(\.id) == [3])
    let made = try gate.sample(of: 1, size: .init(height: 10, width: 20), numbers: [0, 1, 2, 3])
    #expect(made.annotation.boxes.map(\.label) == [0, 0])
  }

  @Test("An annotation that does not fit its image is skipped with its reason", arguments: unfit)
  func skips(case one: (fields: String, reason: String)) throws {
    let gate = try gate(annotations: one.fields)
    let made = try gate.sample(of: 0, size: .init(height: 10, width: 20), numbers: [0])
    #expect(made.annotation.boxes.isEmpty)
    #expect(made.issues.map(\.action) == [.skipped])
    #expect(made.issues.first?.reason.contains(one.reason) == true, "\(made.issues)")
  }

  @Test("A mask that is of no use costs the box nothing", arguments: badMasks)
  func keepsTheBox(case one: (fields: String, reason: String)) throws {
    let gate = try gate(annotations: one.fields)
    let made = try gate.sample(of: 0, size: .init(height: 10, width: 20), numbers: [0])
    let box = try #require(made.annotation.boxes.first)
    #expect([box.x0, box.y0, box.x1, box.y1] == [1, 2, 4, 6] && box.mask == nil)
    #expect(made.issues.map(\.action) == [.changed] && made.changed == 1)
    #expect(made.issues.first?.reason.contains(one.reason) == true, "\(made.issues)")
  }

  @Test("A box that is of no use is made from the mask", arguments: [
    "\"bbox\": [1, 2, 0, 4]", "\"bbox\": [NaN, 2, 3, 4]", "\"bbox\": [30, 2, 3, 4]",
    "\"bbox\": null", "\"bbox\": [1, 2, 3]", "\"bbox\": [1, 2, 3, -4]",
  ])
  func boxOfTheMask(box: String) throws {
    for (mask, corners) in [
      ("[[1.5, 1, 5, 1, 5, 4, 1.5, 4]]", [1.5, 1, 5, 4] as [Float]),
      ("{\"size\": [10, 20], \"counts\": [11, 4, 185]}", [1, 1, 2, 5]),
    ] {
      let gate = try gate(annotations: entry("\(box), \"segmentation\": \(mask)"))
      let made = try gate.sample(of: 0, size: .init(height: 10, width: 20), numbers: [0])
      let found = try #require(made.annotation.boxes.first)
      #expect([found.x0, found.y0, found.x1, found.y1] == corners && found.mask != nil)
      #expect(made.issues.map(\.action) == [.changed])
      #expect(made.issues.first?.kind.hasPrefix("box taken from the mask") == true)
    }
  }

  @Test("One bad piece of a mask is dropped and told, the others stay", arguments: [
    "[20, 20, 21, 21]", "[1, 1, 2, 2, 3, 3, 4]", "[1, 1, 2, 2, 3, null]", "[30, 1, 35, 1, 35, 5]",
    "5", "[]", "[1, 1, 2, 2, 3, 1e9]",
  ])
  func badPiece(piece: String) throws {
    let gate = try gate(
      annotations: entry("\"segmentation\": [[1, 1, 5, 1, 5, 5, 1, 5], \(piece)]"))
    let made = try gate.sample(of: 0, size: .init(height: 10, width: 20), numbers: [0])
    #expect(try made.annotation.boxes.first?.measuredArea(height: 10, width: 20) == 16)
    #expect(made.issues.map(\.action) == [.changed] && made.changed == 1)
  }

  @Test("What reaches over the edge is clipped and told")
  func clips() throws {
    let gate = try gate(
      annotations: entry("\"bbox\": [-2, 3, 30, 30]") + ", "
        + entry("\"id\": 2, \"bbox\": [1, 1, 5, 5], \"segmentation\": [[-9, 2, 4, 2, 4, 6]]")
        + ", " + entry("\"id\": 3, \"bbox\": [0, 0, 20.0000001, 10], \"area\": 3"))
    let made = try gate.sample(of: 0, size: .init(height: 10, width: 20), numbers: [5])
    let boxes = made.annotation.boxes
    #expect(boxes.count == 3 && boxes.allSatisfy { $0.label == 5 })
    #expect([boxes[0].x0, boxes[0].y0, boxes[0].x1, boxes[0].y1] == [0, 3, 20, 10])
    #expect(made.issues.map(\.action) == [.clipped, .clipped])
    #expect(made.issues.map(\.id) == [1, 2])
    let whole = try rasterise(polygons: [[-9, 2, 4, 2, 4, 6]], height: 10, width: 20)
    #expect(boxes[1].mask == whole.compressed && whole.area > 0)
    #expect(boxes[2].x1 == 20 && boxes[2].area == 3 && boxes[0].area == nil)
  }

  @Test("Masks of every form are kept, crowd and difficult too")
  func masks() throws {
    let gate = try gate(
      annotations: entry("\"segmentation\": {\"size\": [10, 20], \"counts\": [11, 4, 185]}") + ", "
        + entry(
          "\"id\": 2, \"iscrowd\": 1, \"difficult\": 1, "
            + "\"segmentation\": {\"size\": [10, 20], \"counts\": \"\(maskText)\"}")
        + ", " + entry("\"id\": 3, \"segmentation\": [[1, 1, 5, 1, 5, 5, 1, 5]]"))
    let made = try gate.sample(of: 0, size: .init(height: 10, width: 20), numbers: [0])
    #expect(made.issues.isEmpty)
    let boxes = made.annotation.boxes
    #expect(boxes[0].mask == maskText && boxes[1].mask == maskText)
    #expect(boxes[1].isCrowd && boxes[1].isDifficult && !boxes[0].isCrowd)
    #expect(try boxes[2].measuredArea(height: 10, width: 20) == 16)
    #expect(made.annotation.imageID == 1 && made.annotation.name == "a.jpg")
  }

  @Test("An image of another size than told is refused")
  func wrongSize() throws {
    let gate = try gate(annotations: entry(""))
    let error = #expect(throws: ScrlError.self) {
      _ = try gate.sample(of: 0, size: .init(height: 20, width: 10), numbers: [0])
    }
    #expect(error?.code == .data && error?.message.contains("20×10") == true)
  }

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

  @Test("A damaged file never traps on its way through the gate")
  func mutated() throws {
    var random = RandomStream(seed: 5, sample: 0, use: .test)
    let sound = Array(randomCoco(1, &random, images: 2).utf8)
    let letters = Array("[]{}\",:0123456789-.e9".utf8)
    for seed in 0..<3000 {
      var random = RandomStream(seed: UInt64(seed), sample: 1, use: .test)
      var text = sound
      for _ in 0..<random.integer(in: 1..<6) {
        text[random.integer(in: 0..<text.count)] = letters[random.integer(in: 0..<letters.count)]
      }
      guard let coco = try? CocoAnnotations(json: text, source: "t") else { continue }
      let gate = CocoGate(coco)
      let numbers = gate.classes.indices.map { Int32($0) }
      for (place, image) in gate.images.enumerated() {
        let size = image.size ?? .init(height: 30, width: 40)
        // A damaged digit may make a picture of 60,000 pixels; its mask is not the point here.
        guard size.height * size.width < 1 << 16 else { continue }
        _ = try? gate.sample(of: place, size: size, numbers: numbers)
      }
    }
  }

  private func gate(
    images: String = "{\"id\": 1, \"file_name\": \"a.jpg\", \"width\": 20, \"height\": 10}",
    categories: String = "{\"id\": 1, \"name\": \"x\"}", annotations: String
  ) throws -> CocoGate {
    let text =
      "{\"images\": [\(images)], \"categories\": [\(categories)], \"annotations\": [\(annotations)]}"
    return CocoGate(try CocoAnnotations(json: Array(text.utf8), source: "t"))
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

private let maskText =
  (try? RunLengths(uncompressed: [11, 4, 185], height: 10, width: 20))?.compressed ?? "none"

/// A sound annotation but for the fields given, which come last in the text and first in meaning.
private func entry(_ fields: String) -> String {
  var all = ["\"id\": 1", "\"image_id\": 1", "\"category_id\": 1", "\"bbox\": [1, 2, 3, 4]"]
  all = all.filter { !fields.contains($0.split(separator: ":")[0] + ":") }
  return "{" + (all + (fields.isEmpty ? [] : [fields])).joined(separator: ", ") + "}"
}

private let unfit: [(fields: String, reason: String)] = [
  ("\"bbox\": [1, 2, 0, 4]", "has no area"), ("\"bbox\": [1, 2, 3, -4]", "has no area"),
  ("\"bbox\": [1, 2, 1e-9, 4]", "has no area"), ("\"bbox\": [NaN, 2, 3, 4]", "expected finite"),
  ("\"bbox\": [1, 2, Infinity, 4]", "expected finite"), ("\"bbox\": [1, 2, 1e300, 4]", "finite"),
  ("\"bbox\": [20, 2, 3, 4]", "lies outside"), ("\"bbox\": [-9, 2, 9, 4]", "lies outside"),
  ("\"bbox\": [1, 10.5, 3, 4]", "lies outside"),
].map { (entry($0.0), $0.1) }

private let badMasks: [(fields: String, reason: String)] = [
  ("[[1, 1, 2, 2]]", "has 4 numbers"),
  ("[[1, 1, 2, 2, 3, 3, 4]]", "has 7 numbers"),
  ("[[1, 1, 2, 2, 3, NaN]]", "no pixels"),
  ("[[1, 1, 2, 2, 3, 1e9]]", "no pixels"),
  ("[[30, 1, 35, 1, 35, 5]]", "polygon 0 lies outside"),
  ("[[-5, 1, -1, 1, -1, 5]]", "polygon 0 lies outside"),
  ("{\"size\": [20, 10], \"counts\": [11, 4, 185]}", "of 10×20 pixels"),
  ("{\"size\": [10, 20], \"counts\": [11, 4, 184]}", "sum to 199"),
  ("{\"size\": [10, 20], \"counts\": [11, 4, 186]}", "run 2 is 186"),
  ("{\"size\": [10, 20], \"counts\": \"é\"}", "compressed runs"),
  ("{\"size\": [10, 20], \"counts\": \"\"}", "sum to 0"),
  ("{\"size\": [10, 20], \"counts\": [200]}", "covers no pixel"),
  ("[[1, 1, 5, 5, 9, 9]]", "covers no pixel"), ("7", "segmentation is a number"),
].map { (entry("\"segmentation\": \($0.0)"), $0.1) }

/// Images of sizes of their own, with boxes of so many decimals inside, every kind of mask.
private func randomCoco(
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
