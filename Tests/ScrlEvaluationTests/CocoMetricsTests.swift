// COCO's metrics without files: by hand, over thread counts, and what is refused. That they are
// pycocotools' is checked on 240 problems by Tests/Python/test_coco_metrics.py.

import ScrlBase
import ScrlImage
import ScrlStore
import TestSupport
import Testing

@testable import ScrlEvaluation

private func box(_ x: Double, _ y: Double, _ width: Double, _ height: Double) -> CocoBox {
  CocoBox(x: x, y: y, width: width, height: height)
}

/// Two objects of 40² pixels, one of them found exactly.
private let objects = [
  CocoObject(image: 7, category: 0, box: box(0, 0, 40, 40)),
  CocoObject(image: 7, category: 0, box: box(100, 0, 40, 40)),
]
private let detections = [
  CocoDetection(image: 7, category: 0, box: box(0, 0, 40, 40), score: 0.9),
  CocoDetection(image: 7, category: 0, box: box(120, 0, 40, 40), score: 0.5),
]

@Test("half the objects found: precision 1 at 51 of 101 recall points, recall a half")
func halfFound() throws {
  let found = try evaluateCoco(
    groundTruth: objects, detections: detections, kind: .bbox, categories: 2)
  let half = 51.0 / 101
  for name in ["AP", "AP50", "AP75", "APm"] {
    #expect(abs(found.figures[name] - half) < 1e-12, "\(name)")
  }
  for name in ["AR1", "AR10", "AR100", "ARm"] { #expect(found.figures[name] == 0.5, "\(name)") }
  for name in ["APs", "APl", "ARs", "ARl"] { #expect(found.figures[name] == -1, "\(name)") }
  #expect(found.ofCategory[0] == found.figures)
  #expect(found.ofCategory[1].values == [Double](repeating: -1, count: 12))
  for (point, value) in found.curve(category: 0, threshold: 9).enumerated() {
    // COCO adds 2⁻⁵² to what it divides by.
    #expect(abs(value - (point <= 50 ? 1 : 0)) < 1e-12)
  }
  #expect(found.curve(category: 1, threshold: 0).allSatisfy { $0 == -1 })
}

@Test("a detection within a crowd counts neither for nor against, any number of them")
func crowds() throws {
  var crowd = objects
  crowd[1].isCrowd = true
  var inside = detections
  for step in 0..<5 {
    inside.append(
      CocoDetection(
        image: 7, category: 0, box: box(100 + Double(step), 2, 20, 20), score: 0.95))
  }
  inside.remove(at: 1)
  let found = try evaluateCoco(
    groundTruth: crowd, detections: inside, kind: .bbox, categories: 1)
  #expect(abs(found.figures["AP"] - 1) < 1e-12)
  #expect(found.figures["AR100"] == 1)
  crowd[1].isCrowd = false
  let plain = try evaluateCoco(
    groundTruth: crowd, detections: inside, kind: .bbox, categories: 1)
  #expect(plain.figures["AP"] < 0.2)
}

/// Scenes with many ties, drawn from a seed.
private func scenes(_ count: Int) throws -> (objects: [CocoObject], detections: [CocoDetection]) {
  var stream = RandomStream(seed: 5, epoch: 0, sample: 0, use: .test)
  var (objects, detections): ([CocoObject], [CocoDetection]) = ([], [])
  for image in 0..<count {
    for _ in 0..<stream.integer(in: 0..<9) {
      let (x, y) = (stream.integer(in: 0..<50), stream.integer(in: 0..<50))
      let side = stream.integer(in: 1..<14)
      let runs = [x * 64 + y, side, 64 * 64 - x * 64 - y - side]
      let mask = try RunLengths(uncompressed: runs, height: 64, width: 64)
      let place = box(Double(x), Double(y), 1, Double(side))
      let category = stream.integer(in: 0..<3)
      objects.append(
        CocoObject(
          image: image, category: category, box: place, isCrowd: stream.uniform() < 0.1,
          mask: mask))
      for _ in 0..<stream.integer(in: 0..<4) {
        detections.append(
          CocoDetection(
            image: image, category: category, box: place,
            score: Double(stream.integer(in: 0..<5)) / 4, mask: mask))
      }
    }
  }
  return (objects, detections)
}

@Test("no figure depends on the thread count", arguments: CocoKind.allCases)
func threadCounts(kind: CocoKind) throws {
  let (objects, detections) = try scenes(300)
  let one = try evaluateCoco(
    groundTruth: objects, detections: detections, kind: kind, categories: 3, workers: Workers(1))
  #expect(one.figures["AP"] > 0.1)
  for count in [2, 7] {
    let many = try evaluateCoco(
      groundTruth: objects, detections: detections, kind: kind, categories: 3,
      workers: Workers(count))
    #expect(many.figures == one.figures)
    #expect(many.ofCategory == one.ofCategory)
  }
}

@Test("what has no meaning is refused, with its place")
func refusals() throws {
  func refused(_ part: String, _ kind: CocoKind = .bbox, _ change: (inout CocoDetection) -> Void) {
    var wrong = detections
    change(&wrong[1])
    let error = #expect(throws: ScrlError.self) {
      try evaluateCoco(groundTruth: objects, detections: wrong, kind: kind, categories: 1)
    }
    #expect(error?.code == .data)
    #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
  }
  refused("detection 1 has score nan") { $0.score = .nan }
  refused("detection 1 has score inf") { $0.score = .infinity }
  refused("expected finite numbers") { $0.box.width = .nan }
  refused("expected finite numbers") { $0.area = .infinity }
  refused("category 1") { $0.category = 1 }
  refused("category -1") { $0.category = -1 }
  refused("object 0 has no mask", .segm) { _ in }
  let small = try RunLengths(uncompressed: [4], height: 2, width: 2)
  let large = try RunLengths(uncompressed: [6], height: 2, width: 3)
  let truth = [CocoObject(image: 0, category: 0, box: box(0, 0, 1, 1), mask: small)]
  let found = [CocoDetection(image: 0, category: 0, box: box(0, 0, 1, 1), score: 1, mask: large)]
  #expect(throws: ScrlError.self) {
    try evaluateCoco(groundTruth: truth, detections: found, kind: .segm, categories: 1)
  }
}

@Test("a results list is read with its places; what is not well formed is listed")
func resultsList() throws {
  let text = """
    [{"image_id": 1, "category_id": 2, "bbox": [1, 2.5, 3, 4], "score": 0.25, "more": {"a": [1]}},
     {"image_id": 1, "category_id": 2, "bbox": [], "score": NaN},
     7,
     {"image_id": 1, "category_id": 2, "score": 1,
      "segmentation": {"size": [2, 3], "counts": "6"}},
     {"image_id": 1, "image_id": 2, "category_id": 2, "score": 1}]
    """
  let results = try CocoResults(json: Array(text.utf8), source: "results")
  #expect(results.count == 5)
  #expect(results.entries.map(\.place) == [0, 3])
  #expect(results.entries[0].box?.y == 2.5)
  #expect(results.entries[1].segmentation == .compressed("6", .init(height: 2, width: 3)))
  #expect(results.problems.map(\.place) == [1, 2, 4])
  #expect(results.problems[1].reason.contains("a number"))
  #expect(results.problems[2].reason.contains("image_id twice"))
}

@Test("only so many detections of an image and class count as the limits say; others are told")
func limits() throws {
  let wrong = CocoDetection(image: 7, category: 0, box: box(50, 60, 9, 9), score: 0.95)
  let more = [wrong] + detections
  func found(_ limits: [Int]) throws -> CocoMetrics {
    try evaluateCoco(
      groundTruth: objects, detections: more, kind: .bbox, categories: 1,
      limits: try CocoLimits(limits))
  }
  let few = try found([1, 2, 3])
  #expect(few.figures["AR1"] == 0 && few.figures["AR10"] == 0.5 && few.uncounted == 0)
  #expect(few.notes.isEmpty && few.limits.values == [1, 2, 3])
  let none = try evaluateCoco(
    groundTruth: objects, detections: more + more, kind: .bbox, categories: 1,
    limits: try CocoLimits([1, 2, 4]))
  #expect(none.uncounted == 2 && none.notes.count == 1)
  let refused = [
    [], [1], [1, 2], [0, 1, 2], [1, 1, 2], [3, 2, 1], [1, 2, 3, 4], [1, 2, 1_000_001],
  ]
  for limits in refused {
    #expect { _ = try CocoLimits(limits) } throws: { ($0 as? ScrlError)?.code == .argument }
  }
}
