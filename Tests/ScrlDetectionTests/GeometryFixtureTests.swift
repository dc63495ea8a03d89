// A detector's geometry against torchvision and PyTorch (Tests/Fixtures/make_detect.py).

import ScrlBase
import ScrlImage
import TestSupport
import Testing

@testable import ScrlDetection

private let workers = Workers(2)

private func load(_ name: String) throws -> NpyArray { try fixture("detect/" + name) }

private func boxes(_ name: String) throws -> [PixelBox] {
  let values = try load(name).values
  return stride(from: 0, to: values.count, by: 4).map {
    PixelBox(x0: values[$0], y0: values[$0 + 1], x1: values[$0 + 2], y1: values[$0 + 3])
  }
}

private func integers(_ name: String) throws -> [Int] { try load(name).doubles.map { Int($0) } }

private func numbers(_ boxes: [PixelBox]) -> [Float] {
  boxes.flatMap { [$0.x0, $0.y0, $0.x1, $0.y1] }
}

// One rounding of coordinates of up to 500 after the square root's: 500·2⁻²⁴ = 3e-5 twice.
@Test(
  "Anchors: one size, three ratios, the order of a level's cells",
  arguments: [("fine", 32.0, 4, 5, 7), ("coarse", 512.0, 64, 2, 3)])
func anchors(_ on: (name: String, size: Double, stride: Int, height: Int, width: Int)) throws {
  let cell = cellAnchors(size: on.size, ratios: [0.5, 1, 2])
  let ours = gridAnchors(cell, height: on.height, width: on.width, stride: on.stride)
  expectClose(numbers(ours), try load("anchors_\(on.name)").values, absolute: 6e-5)
}

// Encoding: a difference of centres below 100 rounded four times, 100·4·2⁻²⁴ = 2.4e-5, over sides
// of at least 2, times at most 10. Decoding: exponentials differ in their last place, 2⁻²³ of sides
// up to 52·62.5 = 3250, halved and added.
@Test(
  "Box deltas equal torchvision's coder, beyond its clamp too",
  arguments: [("unit", SIMD4<Float>(1, 1, 1, 1)), ("heads", SIMD4<Float>(10, 10, 5, 5))])
func deltas(_ on: (name: String, weights: SIMD4<Float>)) throws {
  let coder = BoxCoder(weights: on.weights)
  let (source, target) = (try boxes("deltas_source"), try boxes("deltas_target"))
  let encoded = zip(source, target).map { coder.encode(from: $0, to: $1) }
  expectClose(
    encoded.flatMap { [$0.x, $0.y, $0.z, $0.w] }, try load("deltas_encoded_\(on.name)").values,
    relative: 1e-5, absolute: 1.2e-4)
  let moves = try load("deltas_moves").values
  let decoded = source.enumerated().map { k, box in
    coder.decode(
      SIMD4(moves[4 * k], moves[4 * k + 1], moves[4 * k + 2], moves[4 * k + 3]), from: box)
  }
  expectClose(
    numbers(decoded), try load("deltas_decoded_\(on.name)").values, relative: 4e-7,
    absolute: 4e-4)
}

@Test("Matches equal torchvision's Matcher, ties and low-quality matches included")
func matches() throws {
  let (truths, candidates) = (try boxes("match_truths"), try boxes("match_boxes"))
  let overlaps = truths.flatMap { truth in candidates.map { overlap(truth, $0) } }
  // The same operations in the same order but for a union that may be summed another way round.
  expectClose(overlaps, try load("match_overlaps").values, absolute: 2e-7)
  func outcome(_ matcher: Matcher) -> [Int] {
    let matches = matcher.match(candidates, to: truths, workers)
    return matches.labels.indices.map { k in
      switch matches.labels[k] {
      case .background: -1
      case .ignored: -2
      case .foreground: matches.truth[k]
      }
    }
  }
  let anchors = try integers("match_anchors")
  #expect(Set(anchors).isSuperset(of: [-2, -1, 0, 5]))
  #expect(outcome(Matcher(background: 0.3, foreground: 0.7, keepsBest: true)) == anchors)
  let regions = try integers("match_regions")
  #expect(outcome(Matcher(background: 0.5, foreground: 0.5, keepsBest: false)) == regions)
}

@Test("Suppression equals torchvision's nms, and batched_nms by groups", arguments: [30, 50, 70])
func suppression(_ percent: Int) throws {
  let (found, scores) = (try boxes("nms_boxes"), try load("nms_scores").values)
  let threshold = Double(percent) / 100
  let one = [Int](repeating: 0, count: found.count)
  let together = try integers("nms_\(percent)")
  #expect(
    suppressed(found, scores: scores, groups: one, threshold: threshold, workers) == together)
  let (groups, apart) = (try integers("nms_groups"), try integers("nms_grouped_\(percent)"))
  #expect(
    suppressed(found, scores: scores, groups: groups, threshold: threshold, workers) == apart)
}

// Decoded from anchors below 60 pixels with exponentials of about 1: 100·3·2⁻²⁴.
@Test("Proposals of two levels equal top-k, decode, clip and batched_nms put together")
func proposalsOfLevels() throws {
  let parts = try ["a", "b"].map { name in
    (try load("proposals_objectness_\(name)"), try load("proposals_deltas_\(name)"))
  }
  let expected = try load("proposals_boxes")
  let anchors = zip(parts, [(24.0, 8), (48.0, 16)]).map { part, kind in
    gridAnchors(
      cellAnchors(size: kind.0, ratios: [0.5, 1, 2]), height: part.0.shape[1],
      width: part.0.shape[2], stride: kind.1)
  }
  let limits = ProposalLimits(
    candidatesPerLevel: 50, proposals: 30, threshold: 0.7, minSide: 0)
  let values = parts.map { ($0.0.values, $0.1.values) }
  let ours = try values[0].0.withUnsafeBufferPointer { a in
    try values[0].1.withUnsafeBufferPointer { aMoves in
      try values[1].0.withUnsafeBufferPointer { b in
        try values[1].1.withUnsafeBufferPointer { bMoves in
          try proposals(
            [
              AnchorScores(
                anchors: anchors[0], objectness: try #require(a.baseAddress),
                deltas: try #require(aMoves.baseAddress), cells: a.count / 3, perCell: 3),
              AnchorScores(
                anchors: anchors[1], objectness: try #require(b.baseAddress),
                deltas: try #require(bMoves.baseAddress), cells: b.count / 3, perCell: 3),
            ], size: (60, 75), limits, workers)
        }
      }
    }
  }
  expectClose(numbers(ours), expected.values, absolute: 2e-5)
}

@Test("The level that a box is pooled from, at the borders too")
func levels() throws {
  let ours = try boxes("level_boxes").map { pooledLevel($0, canonical: 224) + 2 }
  let theirs = try integers("level_of")
  #expect(ours == theirs)
}

@Test(
  "Mask targets equal torchvision's aligned roi_align at a threshold, cell by cell",
  arguments: 0..<3)
func masks(_ shape: Int) throws {
  let picture = try load("mask_shapes").row(shape).map { UInt8($0) }
  let expected = try load("mask_targets_\(shape)")
  for (k, box) in try boxes("mask_boxes").enumerated() {
    let ours = picture.withUnsafeBufferPointer {
      maskTarget($0, height: 40, width: 52, box: box, side: 28)
    }
    #expect(ours.map { Double($0) } == Array(expected.row(k)), "box \(k)")
  }
}

@Test("Pasted masks equal grid_sample at a threshold, pixel by pixel")
func pasting() throws {
  let (cells, pictures) = (try load("paste_cells"), try load("paste_pictures"))
  for (k, box) in try boxes("paste_boxes").enumerated() {
    let mask = try pastedMask(
      cells.row(k).map { Float($0) }[...], side: 28, box: box, height: 48, width: 64,
      threshold: 0.5)
    #expect(mask.decode().map { Double($0) } == Array(pictures.row(k)), "box \(k)")
    #expect(mask.area > 0)
  }
}
