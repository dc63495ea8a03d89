// What a detector's geometry must do by construction.

import ScrlBase
import ScrlImage
import TestSupport
import Testing

@testable import ScrlDetection

private func box(_ x0: Float, _ y0: Float, _ x1: Float, _ y1: Float) -> PixelBox {
  PixelBox(x0: x0, y0: y0, x1: x1, y1: y1)
}

private let anchorMatcher = Matcher(background: 0.3, foreground: 0.7, keepsBest: true)

@Suite("Matches")
struct MatcherTests {
  @Test("Without ground truth every box is background")
  func none() {
    let matches = anchorMatcher.match([box(0, 0, 4, 4)], to: [], Workers(1))
    #expect(matches.labels == [.background])
  }

  @Test("The best boxes of a ground truth are foreground, all of equals; they keep their own truth")
  func ties() {
    // Both halves overlap the wide truth by ½; the second is the small truth's own.
    let boxes = [box(0, 0, 10, 10), box(10, 0, 20, 10), box(40, 40, 50, 50)]
    let truths = [box(0, 0, 20, 10), box(11, 0, 20, 10)]
    let matches = anchorMatcher.match(boxes, to: truths, Workers(1))
    #expect(matches.labels == [.foreground, .foreground, .background])
    #expect(matches.truth == [0, 1, 0])
  }

  @Test("A ground truth that no box touches matches nothing")
  func untouched() {
    let matches = anchorMatcher.match(
      [box(0, 0, 4, 4)], to: [box(50, 50, 60, 60)], Workers(1))
    #expect(matches.labels == [.background])
  }

  @Test("The number of threads changes nothing")
  func threads() {
    let boxes = gridAnchors(
      cellAnchors(size: 16, ratios: [0.5, 1, 2]), height: 60, width: 60, stride: 4)
    let truths = (0..<9).map { (i: Int) -> PixelBox in
      let n = Float(i)
      return box(20 * n, 9 * n, 22 * n + 14, 13 * n + 17)
    }
    let one = anchorMatcher.match(boxes, to: truths, Workers(1))
    #expect(one == anchorMatcher.match(boxes, to: truths, Workers(3)))
    #expect(one.labels.contains(Matches.Label.ignored))
  }
}

@Suite("Sampling")
struct SamplerTests {
  private func address(_ step: Int, image: Int = 0) -> Sampler.Address {
    Sampler.Address(seed: 3, step: step, image: image, use: .anchors)
  }

  @Test("Where nothing is left out, all are taken in their order")
  func all() {
    let sampler = Sampler(count: 40, positiveFraction: 0.5)
    let drawn = sampler.draw(
      positives: Array(0..<20), negatives: Array(20..<40), address(1))
    #expect(drawn.positives == Array(0..<20))
    #expect(drawn.negatives == Array(20..<40))
  }

  @Test("A fraction of positives at most, negatives fill the rest, none twice")
  func counts() {
    let sampler = Sampler(count: 10, positiveFraction: 0.25)
    let few = sampler.draw(positives: [4], negatives: Array(100..<200), address(1))
    #expect(few.positives == [4])
    #expect(few.negatives.count == 9)
    let many = sampler.draw(positives: Array(0..<50), negatives: [99], address(1))
    #expect(many.positives.count == 2)
    #expect(many.negatives == [99])
    #expect(Set(few.negatives).count == 9 && few.negatives == few.negatives.sorted())
  }

  @Test("The same address draws the same, another step, image or use does not")
  func addresses() {
    let sampler = Sampler(count: 20, positiveFraction: 0.5)
    func draw(_ address: Sampler.Address) -> [Int] {
      sampler.draw(positives: [], negatives: Array(0..<500), address).negatives
    }
    #expect(draw(address(1)) == draw(address(1)))
    let others = [
      address(2), address(1, image: 1),
      Sampler.Address(seed: 4, step: 1, image: 0, use: .anchors),
      Sampler.Address(seed: 3, step: 1, image: 0, use: .regions),
    ]
    for other in others { #expect(draw(other) != draw(address(1))) }
  }

  // 2,000 draws of 5 of 20: each place 500 times, deviation √(2000·¼·¾) = 19; six of them.
  @Test("Every candidate is drawn as often")
  func uniform() {
    var counts = [Int](repeating: 0, count: 20)
    let sampler = Sampler(count: 5, positiveFraction: 0)
    for step in 0..<2000 {
      for index in sampler.draw(
        positives: [], negatives: Array(0..<20), address(step)
      ).negatives {
        counts[index] += 1
      }
    }
    #expect(counts.allSatisfy { abs($0 - 500) < 6 * 19 }, "\(counts)")
  }
}

@Suite("Scores")
struct ScoreTests {
  @Test("The highest scores equal a full sort's first, ties by index", arguments: [1, 7, 100, 900])
  func highestScores(_ count: Int) {
    let special: [Float] = [
      0, -0.0, .infinity, -.infinity, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 3.4e38,
      -3.4e38,
    ]
    let scores = special + numbers(800).map { ($0 * 20).rounded() / 4 }
    let sorted = scores.indices.sorted {
      scores[$0] > scores[$1] || (scores[$0] == scores[$1] && $0 < $1)
    }
    #expect(highest(count, of: scores) == Array(sorted.prefix(count)))
  }

  @Test("Suppression keeps no pair above the threshold, and what it drops met a better one")
  func suppression() {
    let values = numbers(400, tag: 1)
    let boxes = (0..<100).map { (k: Int) -> PixelBox in
      let (x, y) = (values[4 * k] * 20, values[4 * k + 1] * 20)
      let (width, height) = (5 + values[4 * k + 2] * 4, 5 + values[4 * k + 3] * 4)
      return box(x, y, x + width, y + height)
    }
    let scores = numbers(100, tag: 2)
    let one = [Int](repeating: 0, count: 100)
    let kept = suppressed(boxes, scores: scores, groups: one, threshold: 0.3, Workers(2))
    for (place, a) in kept.enumerated() {
      for b in kept[..<place] {
        #expect(scores[b] >= scores[a])
        #expect(overlap(boxes[a], boxes[b]) <= 0.3)
      }
    }
    for lost in boxes.indices where !kept.contains(lost) {
      #expect(
        kept.contains {
          scores[$0] >= scores[lost] && overlap(boxes[$0], boxes[lost]) > 0.3
        })
    }
  }
}

@Suite("Masks")
struct MaskTests {
  @Test("A mask that fills its box is a target of ones, and pasted it is the box again")
  func full() throws {
    let place = box(6, 3, 20, 17)
    var picture = [UInt8](repeating: 0, count: 24 * 32)
    for y in 3..<17 { for x in 6..<20 { picture[y * 32 + x] = 1 } }
    let target = picture.withUnsafeBufferPointer {
      maskTarget($0, height: 24, width: 32, box: place, side: 28)
    }
    #expect(target.allSatisfy { $0 == 1 })
    let pasted = try pastedMask(
      target[...], side: 28, box: place, height: 24, width: 32, threshold: 0.5)
    #expect(pasted.decode() == picture)
  }

  @Test("Beyond the picture a mask is nothing; a box over a corner keeps its part")
  func outside() throws {
    let ones = [Float](repeating: 1, count: 28 * 28)
    let corner = try pastedMask(
      ones[...], side: 28, box: box(-4, -4, 4, 4), height: 8, width: 8, threshold: 0.5)
    #expect(corner.area == 16)
    let away = try pastedMask(
      ones[...], side: 28, box: box(20, 20, 24, 24), height: 8, width: 8, threshold: 0.5)
    #expect(away.area == 0)
  }
}

@Suite("Deltas")
struct DeltaTests {
  // Six roundings of coordinates below 100.
  @Test("Decoding undoes encoding")
  func inverse() {
    let coder = BoxCoder(weights: [10, 10, 5, 5])
    let (a, b) = (box(3, 4, 50, 70), box(20, 1, 44, 99))
    let back = coder.decode(coder.encode(from: a, to: b), from: a)
    let wanted: [Float] = [20, 1, 44, 99]
    expectClose([back.x0, back.y0, back.x1, back.y1], wanted, absolute: 6e-5)
  }

  @Test("What is no number stays none")
  func nan() {
    let moved = BoxCoder.proposals.decode([0, 0, .nan, 0], from: box(0, 0, 1, 1))
    #expect(!moved.isFinite)
  }
}

@Suite("Detector options")
struct DetectionOptionsTests {
  @Test("The defaults are good; each wrong number is refused by its name")
  func check() throws {
    try DetectionOptions().check()
    func expectRefused(_ word: String, _ change: (inout DetectionOptions) -> Void) {
      var options = DetectionOptions()
      change(&options)
      let error = #expect(throws: ScrlError.self) { try options.check() }
      #expect(error?.code == .config)
      #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
    }
    expectRefused("pyramid width 0") { $0.pyramidWidth = 0 }
    expectRefused("frozen stages 6") { $0.frozenStages = 6 }
    expectRefused("anchor sizes") { $0.anchorSizes = [1, 2] }
    expectRefused("anchor sizes") { $0.anchorSizes[2] = .nan }
    expectRefused("anchor ratios") { $0.anchorRatios = [] }
    expectRefused("anchor thresholds") { $0.anchorBackground = 0.9 }
    expectRefused("score threshold") { $0.scoreThreshold = .nan }
    expectRefused("box weights") { $0.boxWeights.z = 0 }
    expectRefused("regions per image") { $0.regionsPerImage = -1 }
    expectRefused("smooth L1 beta") { $0.smoothL1Beta = -.infinity }
  }
}
