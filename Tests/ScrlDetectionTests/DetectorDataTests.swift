import Foundation
import ScrlBase
import ScrlImage
import ScrlPretraining
import ScrlStore
import ScrlTensor
import ScrlTraining
import Testing

@testable import ScrlDetection

@Suite("Detector data")
struct DetectorDataTests {
  private func batch(
    _ place: TrainingPlace, step: Int = 0, _ change: (inout DetectConfig) -> Void = { _ in }
  ) throws -> DetectionBatch {
    var config = tinyConfig()
    change(&config.detect)
    let recipe = DetectionRecipe(
      samples: try DetectionSamples(try place.reader()), config: config, multiple: 32)
    let prefetcher = try Prefetcher(recipe, threads: 2, batches: 2, firstStep: step)
    return try prefetcher.nextBatch()
  }

  @Test("pictures lie in the corner of a tensor whose sides 32 divides; zeros fill the rest")
  func padding() throws {
    let place = try TrainingPlace(images: 2, side: 48)
    let made = try batch(place) { ($0.minSizes, $0.maxSize, $0.flips) = ([40], 128, false) }
    #expect(made.images.shape == [2, 3, 64, 64])
    #expect(made.sizes.map(\.height) == [40, 40] && made.sizes.map(\.width) == [40, 40])
    for plane in 0..<6 {
      for row in 0..<64 {
        for column in 0..<64 where row >= 40 || column >= 40 {
          #expect(made.images.pointer[(plane * 64 + row) * 64 + column] == 0)
        }
      }
    }
    #expect(made.images.pointer[39 * 64 + 39] != 0)
  }

  @Test("a step's batch is the same whatever loader made which batches before")
  func addresses() throws {
    let place = try TrainingPlace()
    let config = tinyConfig()
    let recipe = DetectionRecipe(
      samples: try DetectionSamples(try place.reader()), config: config, multiple: 32)
    let all = try Prefetcher(recipe, threads: 3, batches: 4, firstStep: 0)
    var later: DetectionBatch?
    for _ in 0..<8 { later = try all.nextBatch() }
    let alone = try Prefetcher(recipe, threads: 1, batches: 1, firstStep: 7).nextBatch()
    let joined = try #require(later)
    #expect(joined.images.array == alone.images.array)
    #expect(joined.targets.map(\.boxes) == alone.targets.map(\.boxes))
    #expect(joined.targets.map(\.masks) == alone.targets.map(\.masks))
    #expect(joined.epoch == 2)  // 6 images in batches of 2: steps 6, 7, 8 are the third epoch
  }

  @Test("an epoch shows each image once")
  func epochs() throws {
    let place = try TrainingPlace(images: 5)
    let samples = try DetectionSamples(try place.reader())
    var config = tinyConfig()
    config.detect.batch = 2
    let indices = try (0..<5).flatMap { step in
      try DetectionDraft(step: step, samples, config, multiple: 32).indices
    }
    #expect(indices.prefix(5).sorted() == [0, 1, 2, 3, 4])
    #expect(indices.suffix(5).sorted() == [0, 1, 2, 3, 4])
  }

  @Test("boxes and masks follow their pixels: the mirrored picture's are the mirrored ones")
  func flips() throws {
    let place = try TrainingPlace(images: 1)
    let samples = try DetectionSamples(try place.reader())
    let plain = Fit(height: 64, width: 64, shortest: 96, longest: 128)
    let mirrored = Fit(height: 64, width: 64, shortest: 96, longest: 128, flipped: true)
    let a = try samples.targets(of: 0, plain, masks: true)
    let b = try samples.targets(of: 0, mirrored, masks: true)
    let again = Fit(height: 96, width: 96, shortest: 96, longest: 128, flipped: true)
    for (box, back) in zip(a.boxes, b.boxes.map(again.place)) {
      // Differences of float32 near 96: one rounding each way.
      #expect(abs(box.x0 - back.x0) < 1e-4 && abs(box.x1 - back.x1) < 1e-4)
      #expect(box.y0 == back.y0 && box.y1 == back.y1)
    }
    for (mask, other) in zip(a.masks, b.masks) {
      let (one, two) = (try #require(mask), try #require(other))
      #expect(try again.place(two) == one)
    }
    #expect(zip(a.masks, b.masks).contains { $0 != $1 })
    // A mask of whole source pixels grows by the picture's factor: 1.5² of 28·14.
    #expect(a.masks.first??.area == 28 * 14 * 9 / 4)
  }

  @Test("the mask of a box stays under its bright pixels after resizing and mirroring")
  func masksCoverPixels() throws {
    let place = try TrainingPlace(images: 1) { _, boxes in boxes.removeFirst() }
    for flips in [false, true] {
      let made = try batch(place) { ($0.batch, $0.minSizes, $0.flips) = (1, [96], flips) }
      let mask = try #require(made.targets.first?.masks.first ?? nil)
      let isTall = made.targets[0].labels[0] == 0
      let inside = mask.decode()
      var (sum, count) = (Float(0), Float(0))
      for row in 0..<96 {
        for column in 0..<96 where inside[row * 96 + column] == 1 {
          sum += made.images.pointer[row * made.images.shape[3] + column]
          count += 1
        }
      }
      // Grey 230 and 20 are 1.82 and −1.78 after normalisation; edges are smoothed.
      #expect(isTall ? sum / count > 1.3 : sum / count < -1.3)
    }
  }

  @Test("the shorter side is resized as Detectron2 does, and the longer one stays in its limit")
  func sizes() {
    for (h, w, shortest, longest, expected) in [
      (480, 640, 800, 1333, (800, 1067)), (640, 480, 800, 1333, (1067, 800)),
      (427, 640, 640, 1333, (640, 959)), (300, 1000, 800, 1333, (400, 1333)),
      (1, 5000, 800, 1333, (1, 1333)),
    ] {
      let fit = Fit(height: h, width: w, shortest: shortest, longest: longest)
      #expect((fit.height, fit.width) == expected)
    }
  }

  @Test("crowds, difficult boxes and boxes without a class are not learnt, nor their images")
  func filters() throws {
    let place = try TrainingPlace { index, boxes in
      switch index {
      case 0: boxes = []
      case 1: for i in boxes.indices { boxes[i].flags = .crowd }
      case 2: for i in boxes.indices { boxes[i].flags = .difficult }
      case 3: for i in boxes.indices { boxes[i].label = -1 }
      case 4: boxes[0].flags = .crowd
      default: break
      }
    }
    let samples = try DetectionSamples(try place.reader())
    #expect(samples.images == [4, 5])
    #expect(samples.boxCount == 3 && samples.maskCount == 3 && samples.classCount == 2)
  }

  @Test("a dataset without a box to learn from is refused by name")
  func noBoxes() throws {
    let place = try TrainingPlace { _, boxes in boxes = [] }
    #expect {
      _ = try place.run()
    } throws: { error in
      (error as? ScrlError)?.code == .data && "\(error)".contains("no objects")
    }
  }

  @Test("masks are needed for masks alone")
  func noMasks() throws {
    let place = try TrainingPlace { _, boxes in
      for i in boxes.indices { boxes[i].mask = nil }
    }
    #expect {
      _ = try place.run()
    } throws: { error in
      (error as? ScrlError)?.code == .data && "\(error)".contains("mask")
    }
    let report = try place.run { $0.kind = .faster }.step()
    #expect(report.didStep && report.losses.mask == 0)
  }

  @Test("a dataset with more classes than the detector has is refused")
  func tooManyClasses() throws {
    let place = try TrainingPlace(classes: []) { _, boxes in boxes[0].label = 7 }
    #expect(try DetectionSamples(try place.reader()).classCount == 8)
    #expect {
      _ = try place.run { $0.classes = 3 }
    } throws: { ($0 as? ScrlError)?.code == .data }
  }

  @Test("a box outside its image is dropped, and the image with it when it was the only one")
  func outside() throws {
    let place = try TrainingPlace(images: 2) { index, boxes in
      guard index == 0 else { return }
      boxes = [AnnotatedBox(x0: 100, y0: 100, x1: 120, y1: 120, label: 0)]
    }
    let made = try batch(place)
    #expect(made.unreadable == 1 && made.targets.count == 1 && made.images.shape[0] == 1)
  }

  @Test("a box whose mask loses every pixel when its image shrinks is dropped")
  func vanishedMask() throws {
    let corner = try whole({ y, x in y == 5 && x == 5 }, height: 64, width: 64)
    let place = try TrainingPlace(images: 1) { _, boxes in boxes[0].mask = corner.compressed }
    let samples = try DetectionSamples(try place.reader())
    let same = Fit(height: 64, width: 64, shortest: 64, longest: 128)
    let small = Fit(height: 64, width: 64, shortest: 16, longest: 128)
    #expect(try samples.targets(of: 0, same, masks: true).boxes.count == 2)
    #expect(try samples.targets(of: 0, small, masks: true).boxes.count == 1)
    #expect(try samples.targets(of: 0, small, masks: false).boxes.count == 2)
  }

  @Test("a label that no table could hold is refused, in training and in measuring")
  func hugeLabel() throws {
    let place = try TrainingPlace(classes: []) { index, boxes in
      if index == 2 { boxes[0].label = 2_000_000_000 }
    }
    let detector = try TrainingPlace().run().task.detector
    let uses: [() throws -> Void] = [
      { _ = try place.run() },
      { _ = try detector.measure(try place.reader(), masks: false, results: nil) { _, _ in true } },
    ]
    for use in uses {
      #expect {
        try use()
      } throws: { error in
        (error as? ScrlError)?.code == .data && "\(error)".contains("label 2000000000")
      }
    }
  }

  @Test("an image of other pixels than the index says is skipped before its masks are placed")
  func wrongSize() throws {
    let place = try TrainingPlace(images: 2, sizeTold: (64, 4096))
    let recipe = DetectionRecipe(
      samples: try DetectionSamples(try place.reader()), config: tinyConfig(), multiple: 32)
    let draft = try recipe.draft(step: 0)
    #expect(recipe.make(draft, 0, with: try recipe.tools()) == nil)
  }

  @Test("the fingerprint changes with a box, a class, a mark and a mask")
  func fingerprints() throws {
    let changes: [(inout AnnotatedBox) -> Void] = [
      { _ in }, { $0.x1 += 1 }, { $0.label = 1 - $0.label }, { $0.flags = .crowd },
      { $0.mask = nil },
    ]
    var seen: Set<UInt64> = []
    for change in changes {
      let place = try TrainingPlace { index, boxes in if index == 3 { change(&boxes[1]) } }
      seen.insert(try DetectionSamples(try place.reader()).fingerprint)
    }
    #expect(seen.count == changes.count)
  }
}
