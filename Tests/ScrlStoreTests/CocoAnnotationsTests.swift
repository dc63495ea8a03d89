// COCO files as text: what is read, what is listed as not well formed, what is refused whole.

import Foundation
import ScrlBase
import Testing

@testable import ScrlStore

@Suite("COCO annotation files")
struct CocoAnnotationsTests {
  @Test("Images, categories and annotations are read; unknown fields are passed over")
  func reads() throws {
    let coco = try CocoAnnotations(json: Array(sampleCoco.utf8), source: "t")
    #expect(coco.problems.isEmpty)
    #expect(coco.images.map(\.id) == [397133, 37777])
    #expect(coco.images[0].fileName == "a/000000397133.jpg")
    #expect(coco.images[0].size == .init(height: 427, width: 640))
    #expect(coco.images[1].size == nil)
    #expect(coco.categories.map(\.name) == ["person", "dining table"])
    #expect(coco.annotations.count == 4)
    let first = coco.annotations[0]
    #expect(first.id == 82445 && first.imageID == 397133 && first.categoryID == 1)
    #expect(first.box == .init(x: 473.07, y: 395.93, width: 38.65, height: 28.67))
    #expect(first.area == 702.1057499999998 && !first.isCrowd && !first.isDifficult)
    #expect(first.segmentation == .polygons([[510.66, 423.01, 511.72, 420.03, 510.45, 416.0]]))
    let size = CocoAnnotations.Size(height: 427, width: 640)
    #expect(coco.annotations[1].segmentation == .counts([272, 2, 4], size))
    #expect(coco.annotations[1].isCrowd)
    #expect(coco.annotations[2].segmentation == .compressed("52203", size))
    #expect(coco.annotations[2].isDifficult && coco.annotations[2].area == nil)
    #expect(coco.annotations[3].segmentation == .none)
  }

  @Test("Numbers that JSON does not have spoil their annotation, not the file")
  func nonFinite() throws {
    let text = file(
      annotations: annotation(["bbox": "[NaN, 1, 2, Infinity]", "area": "-Infinity"]))
    let coco = try CocoAnnotations(json: Array(text.utf8), source: "t")
    #expect(coco.annotations.first?.box?.x.isNaN == true)
    #expect(coco.annotations.first?.area == nil)
    #expect(coco.annotations.first?.changes.map(\.kind) == ["unusable area: measured instead"])
  }

  @Test("An annotation that is not well formed is listed with its reason", arguments: badFields)
  func badAnnotation(bad: (fields: [String: String], reason: String)) throws {
    let text = file(annotations: annotation(bad.fields) + ", " + annotation(["id": "2"]))
    let coco = try CocoAnnotations(json: Array(text.utf8), source: "t")
    #expect(coco.annotations.map(\.id) == [2])
    #expect(coco.problems.count == 1)
    let problem = try #require(coco.problems.first)
    #expect(problem.entry == .annotation && problem.place == 0)
    #expect(problem.reason.text.contains(bad.reason), "\(problem.reason)")
  }

  @Test("What an annotation can be without is ignored and told", arguments: spareFields)
  func spare(bad: (fields: [String: String], reason: String?)) throws {
    let text = file(annotations: annotation(bad.fields))
    let coco = try CocoAnnotations(json: Array(text.utf8), source: "t")
    let one = try #require(coco.annotations.first)
    #expect(coco.problems.isEmpty && (one.box != nil || one.segmentation != .none))
    let told = one.changes + [one.maskFault, one.boxFault].compactMap { $0 }
    #expect(told.count == (bad.reason == nil ? 0 : 1))
    #expect(told.first?.text.contains(bad.reason ?? "") != false, "\(told)")
  }

  @Test("Polygons are taken however they are nested", arguments: [
    "[1, 1, 3, 1, 3, 3]", "[[[1, 1, 3, 1, 3, 3]]]", "[[1, 1], [3, 1], [3, 3]]",
    "[[[1, 1], [3, 1], [3, 3]]]", "[[\"1\", 1, 3, \"1.0\", 3, 3]]", "[[[[1, 1, 3, 1, 3, 3]]]]",
  ])
  func nested(segmentation: String) throws {
    let text = file(annotations: annotation(["segmentation": segmentation]))
    let coco = try CocoAnnotations(json: Array(text.utf8), source: "t")
    #expect(coco.annotations.first?.segmentation == .polygons([[1, 1, 3, 1, 3, 3]]))
    // The other note is that the file has no categories.
    #expect(coco.notes.count == 2)
  }

  @Test("Ids that are text stand for the number they spell where it is free, else a new one")
  func textIDs() throws {
    let text = """
      {"annotations": [
        {"image_id": "0017", "category_id": "cat", "bbox": [1, 1, 2, 2]},
        {"image_id": "img_3", "category_id": "7", "bbox": [1, 1, 2, 2]},
        {"image_id": 4.0, "category_id": "dog", "bbox": [1, 1, 2, 2]},
        {"image_id": "4", "category_id": 7, "bbox": [1, 1, 2, 2]},
        {"image_id": "none", "category_id": 7, "bbox": [1, 1, 2, 2]}],
       "images": [{"id": "0017", "file_name": "a"}, {"id": "img_3", "file_name": "b"},
        {"id": 4, "file_name": "c"}, {"id": "004", "file_name": "d"}],
       "categories": [{"id": 7, "name": "cat"}, {"id": "d", "name": "dog"}]}
      """
    let coco = try CocoAnnotations(json: Array(text.utf8), source: "t")
    #expect(coco.images.map(\.id) == [17, 1, 4, 2] && coco.categories.map(\.id) == [7, 1])
    #expect(coco.annotations.prefix(4).map(\.imageID) == [17, 1, 4, 4])
    #expect(coco.annotations.prefix(4).map(\.categoryID) == [7, 7, 1, 7])
    #expect(coco.images.allSatisfy { $0.id != coco.annotations[4].imageID })
  }

  @Test("Without annotations or categories a file has no objects or no class names")
  func shortFiles() throws {
    let images = "\"images\": [{\"id\": 1, \"file_name\": \"x\"}]"
    for text in ["{\(images)}", "{\(images), \"annotations\": null, \"categories\": null}"] {
      let coco = try CocoAnnotations(json: Array(text.utf8), source: "t")
      #expect(!coco.hasAnnotations && coco.images.count == 1 && coco.notes.count == 1)
    }
    let text = "{\(images), \"annotations\": [\(annotation(["category_id": "3"]))]}"
    let coco = try CocoAnnotations(json: Array(text.utf8), source: "t")
    #expect(coco.categories == [.init(id: 3, name: "class 3")])
  }

  @Test("Text of other encodings is read, or named", arguments: [true, false])
  func encodings(isLittle: Bool) throws {
    let units = Array(sampleCoco.utf16)
    var bytes: [UInt8] = isLittle ? [0xFF, 0xFE] : [0xFE, 0xFF]
    for unit in units {
      let (low, high) = (UInt8(unit & 0xFF), UInt8(unit >> 8))
      bytes += isLittle ? [low, high] : [high, low]
    }
    for text in [bytes, Array(bytes[2...]), [0xEF, 0xBB, 0xBF] + Array(sampleCoco.utf8)] {
      #expect(try CocoAnnotations(json: text, source: "t").annotations.count == 4)
    }
    let cut = #expect(throws: ScrlError.self) {
      _ = try CocoAnnotations(json: Array(bytes.dropLast()), source: "t")
    }
    #expect(cut?.message.contains("UTF-16") == true)
    let wide = #expect(throws: ScrlError.self) {
      _ = try CocoAnnotations(json: [0xFF, 0xFE, 0, 0, 0x7B, 0, 0, 0], source: "t")
    }
    #expect(wide?.message.contains("UTF-32") == true)
  }

  @Test("So are images and categories, and entries that are no objects")
  func badOthers() throws {
    let text = """
      {"images": [{"id": 1}, {"file_name": "x"}, {"id": 2, "file_name": 3}, 7,
        {"id": 1.5, "file_name": "x"}, {"id": 9, "id": 9, "file_name": "x"},
        {"id": 3, "file_name": "x", "width": 3}, {"id": 4, "file_name": "x", "width": 0, "height": 1},
        {"id": 5, "file_name": "x", "width": 70000, "height": 1}, {"id": 8, "file_name": "good"}],
       "categories": [{"id": [], "name": "a"}, {"id": 1}, null, {"id": 5, "name": "good"}],
       "annotations": [[], "x"]}
      """
    let coco = try CocoAnnotations(json: Array(text.utf8), source: "t")
    #expect(coco.images.map(\.id) == [3, 4, 5, 8] && coco.images.allSatisfy { $0.size == nil })
    #expect(coco.images.map(\.changes.count) == [1, 1, 1, 0])
    #expect(coco.categories.map(\.name) == ["class 1", "good"])
    #expect(coco.problems.filter { $0.entry == .image }.map(\.place) == Array(0..<6))
    #expect(coco.problems.filter { $0.entry == .category }.map(\.place) == [0, 2])
    #expect(coco.problems.filter { $0.entry == .annotation }.map(\.place) == [0, 1])
    #expect(coco.problems[5].id == 9)
  }

  @Test("A file that is no COCO file is refused", arguments: notCoco)
  func refuses(text: String) {
    let error = #expect(throws: ScrlError.self) {
      _ = try CocoAnnotations(json: Array(text.utf8), source: "x.json")
    }
    #expect(error?.code == .format && error?.message.contains("x.json") == true)
  }

  @Test("A damaged file is an error or is read, never a trap", arguments: [1, 4, 32])
  func mutated(flips: Int) {
    let sound = Array(sampleCoco.utf8)
    let letters = Array("[]{}\",:0123456789-+.eEtfn\\u \n\u{0}N".utf8) + [0xFF, 0x80]
    for seed in 0..<4000 {
      var random = RandomStream(seed: UInt64(seed), sample: flips, use: .test)
      var text = sound
      for _ in 0..<flips {
        let place = random.integer(in: 0..<text.count)
        switch random.integer(in: 0..<4) {
        case 0: text.remove(at: place)
        case 1: text.insert(letters[random.integer(in: 0..<letters.count)], at: place)
        case 2: text.removeLast(random.integer(in: 0..<2) * (text.count - place) / 8)
        default: text[place] = letters[random.integer(in: 0..<letters.count)]
        }
      }
      do throws(ScrlError) {
        _ = try CocoAnnotations(json: text, source: "t")
      } catch { #expect(error.code == .format) }
    }
  }

  @Test("Cut anywhere, a file is refused")
  func cut() {
    let sound = Array(sampleCoco.utf8)
    let end = sound.count - (sound.last == 0x0A ? 1 : 0)
    for length in 0..<end {
      #expect(throws: ScrlError.self) {
        _ = try CocoAnnotations(json: Array(sound.prefix(length)), source: "t")
      }
    }
  }
}

private let sampleCoco = """
  {"info": {"year": 2017, "nested": [[{"deep": null}]]}, "licenses": [],
   "annotations": [
    {"segmentation": [[510.66, 423.01, 511.72, 420.03, 510.45, 416.0]], "area": 702.1057499999998,
     "iscrowd": 0, "image_id": 397133, "bbox": [473.07, 395.93, 38.65, 28.67], "category_id": 1,
     "id": 82445, "extra": {"a": [1, "\\u00e9"]}},
    {"segmentation": {"counts": [272, 2, 4], "size": [427, 640]}, "area": 4, "iscrowd": 1,
     "image_id": 397133, "bbox": [0, 204, 631, 223], "category_id": 1, "id": 900100397133},
    {"segmentation": {"size": [427, 640], "counts": "52203"}, "difficult": true,
     "image_id": 37777, "bbox": [1, 2, 3, 4], "category_id": 67, "id": 3},
    {"segmentation": [], "image_id": 37777, "bbox": [1, 2, 3, 4], "category_id": 67, "id": 4}],
   "images": [
    {"license": 4, "file_name": "a/000000397133.jpg", "height": 427, "width": 640, "id": 397133},
    {"file_name": "000000037777.jpg", "id": 37777}],
   "categories": [{"supercategory": "person", "id": 1, "name": "person"},
    {"id": 67, "name": "dining table"}]}

  """

private func annotation(_ changed: [String: String]) -> String {
  let sound = [
    "id": "1", "image_id": "1", "category_id": "1", "bbox": "[1, 2, 3, 4]", "area": "12",
    "iscrowd": "0", "segmentation": "[[1, 1, 3, 1, 3, 3]]",
  ]
  let fields = sound.merging(changed) { $1 }.filter { $0.value != "missing" }
  return "{" + fields.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ") + "}"
}

private func file(annotations: String) -> String {
  "{\"images\": [{\"id\": 1, \"file_name\": \"x\"}], \"categories\": [], \"annotations\": ["
    + annotations + "]}"
}

private let badFields: [(fields: [String: String], reason: String)] = [
  (["image_id": "missing"], "has no image_id"), (["category_id": "missing"], "has no category_id"),
  (["image_id": "1.5"], "image_id is not a whole number"), (["image_id": "null"], "has no image_id"),
  (["category_id": "null"], "has no category_id"), (["category_id": "true"], "category_id is a boolean"),
  (["bbox": "missing", "segmentation": "missing"], "has no bbox"),
  (["bbox": "[1, 2, 3]", "segmentation": "[]"], "four numbers"),
  (["bbox": "[1, 2, 3, 4, 5]", "segmentation": "null"], "four numbers"),
  (["bbox": "[1, 2, 3, \"x\"]", "segmentation": "[[]]"], "four numbers"),
  (["bbox": "{}", "segmentation": "5"], "bbox is an object"),
  (["image_id": "1, \"image_id\": 1"], "image_id twice"),
]

/// What an annotation is kept in spite of; a nil reason: it is as good as absent.
private let spareFields: [(fields: [String: String], reason: String?)] = [
  (["id": "missing"], nil), (["id": "null"], nil), (["id": "\"1\""], nil), (["id": "[]"], nil),
  (["area": "null"], nil), (["iscrowd": "null"], nil), (["segmentation": "null"], nil),
  (["segmentation": "[[]]"], nil), (["iscrowd": "\"1\""], nil), (["iscrowd": "0.0"], nil),
  (["area": "\"12.5\""], nil), (["bbox": "[1, 2, 3, \"4\"]"], nil),
  (["area": "\"big\""], "area is not a number"), (["area": "[]"], "area is an array"),
  (["area": "-1"], "area is -1.0"), (["area": "NaN"], "area is nan"), (["area": "1e300"], "area is"),
  (["iscrowd": "2"], "iscrowd is not 0 or 1"), (["iscrowd": "\"no\""], "iscrowd is not 0 or 1"),
  (["difficult": "[]"], "difficult is an array"), (["bbox": "missing"], "has no bbox"),
  (["bbox": "null"], "has no bbox"), (["bbox": "[]"], "has no bbox"),
  (["bbox": "[1, 2, 3]"], "four numbers"), (["bbox": "{}"], "bbox is an object"),
  (["segmentation": "5"], "segmentation is a number"),
  (["segmentation": "[null]"], "not polygons"),
  (["segmentation": "{}"], "not run lengths"),
  (["segmentation": "{\"counts\": \"52203\"}"], "not run lengths"),
  (["segmentation": "{\"size\": [4, 4]}"], "not run lengths"),
  (["segmentation": "{\"size\": [4], \"counts\": \"52203\"}"], "not run lengths"),
  (["segmentation": "{\"size\": [4, 1e9], \"counts\": \"52203\"}"], "not run lengths"),
  (["segmentation": "{\"size\": [4, NaN], \"counts\": \"52203\"}"], "not run lengths"),
  (["segmentation": "{\"size\": [4, 4], \"counts\": [1, -2]}"], "not run lengths"),
  (["segmentation": "{\"size\": [4, 4], \"counts\": [1.5]}"], "not run lengths"),
  (["segmentation": "{\"size\": [4, 4], \"counts\": [1e10]}"], "not run lengths"),
  (["segmentation": "{\"size\": [4, 4], \"counts\": 3}"], "not run lengths"),
  (["segmentation": "[[1, 2]], \"segmentation\": [[1, 2]]"], "twice"),
]

private let notCoco = [
  "", "[]", "null", "{}", "{\"annotations\": [], \"categories\": []}",
  "{\"images\": null, \"categories\": [], \"annotations\": []}",
  "{\"images\": {}, \"categories\": [], \"annotations\": []}",
  "{\"images\": [], \"images\": [], \"categories\": [], \"annotations\": []}",
  "{\"images\": [], \"categories\": [], \"annotations\": []} x",
  "{\"images\": [], \"categories\": [], \"annotations\": [}",
]
