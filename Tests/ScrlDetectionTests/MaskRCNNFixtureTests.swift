// Mask R-CNN as a whole against PyTorch by Detectron2's definitions: what is decided on the way,
// five losses, every parameter's gradient, detections. Tolerances are the fixtures' own: measured
// effects of rounding (Tests/Fixtures/make_mask_rcnn.py).

import ScrlAutograd
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlDetection

private struct Change: Sendable {
  let name: String
  let make: @Sendable (inout DetectionOptions) -> Void
}

private let changes = [
  Change(name: "ground truths are not appended") { $0.appendsGroundTruth = false },
  Change(name: "regions from another level") { $0.canonicalBox = 224 },
  Change(name: "deltas of regions without weights") { $0.boxWeights = SIMD4(1, 1, 1, 1) },
  Change(name: "smooth L1") { $0.smoothL1Beta = 1.0 / 9 },
  Change(name: "one more proposal") { $0.trainProposals += 1 },
  Change(name: "another NMS") { $0.proposalNMS = 0.75 },
  Change(name: "anchors foreground later") { $0.anchorForeground = 0.75 },
  Change(name: "another divisor") { $0.anchorsPerImage += 1 },
  Change(name: "ratios the other way round") { $0.anchorRatios = [2, 1, 0.5] },
]

@Suite("Mask R-CNN against PyTorch", .serialized)
struct MaskRCNNFixtureTests {
  private static let norms = DetectionOptions.Norm.allCases
  private static let address: (seed: UInt64, step: Int) = (1, 0)  // nothing is drawn

  @Test("Losses, gradients, statistics", arguments: onEngines(norms, TestEngine.convolving))
  func training(_ on: TestEngine, _ norm: DetectionOptions.Norm) throws {
    let scene: MaskScene = try maskFixture("scene")
    let wanted: TrainingFixture = try maskFixture(norm.rawValue)
    let engine = try on.make(Workers(2))
    let network = try scene.network(MaskScene.options(norm), engine)
    let tape = Tape()
    let losses = try network.losses(
      try scene.images(), sizes: scene.sizes, targets: try scene.targets(),
      address: MaskRCNNFixtureTests.address, Pass(engine: engine, tape: tape, mode: .training))
    try tape.backward(engine)
    let ours = byName(losses)
    #expect(wanted.losses.count == ours.count)
    for loss in wanted.losses { loss.expect([Float(try #require(ours[loss.name]))]) }

    #expect(Set(network.trained.map(\.name)) == Set(wanted.gradients.map(\.name)))
    for gradient in wanted.gradients {
      let parameter = try #require(network.trained.first { $0.name == gradient.name }?.parameter)
      gradient.expect(try parameter.plain(try #require(parameter.gradient)).array)
    }
    for statistic in wanted.state ?? [] {
      let entry = try #require(network.contents.state.first { $0.name == statistic.name })
      statistic.expect(try entry.tensor.plain().array)
    }
  }

  @Test("Maps, anchors, proposals, regions, mask targets", arguments: onEngines(norms))
  func decisions(_ on: TestEngine, _ norm: DetectionOptions.Norm) throws {
    let scene: MaskScene = try maskFixture("scene")
    let wanted: TrainingFixture = try maskFixture(norm.rawValue)
    let engine = try on.make(Workers(2))
    let network = try scene.network(MaskScene.options(norm), engine)
    let targets = try scene.targets()
    let pass = Pass(engine: engine, mode: .training)
    let pyramid = try network.levels(try scene.images(), pass)
    let outputs = try ProposalOutputs(
      network.proposalHead, pyramid, network.options, pass)
    var maps: [String: [Float]] = [:]
    for (place, map) in pyramid.enumerated() {
      maps["p\(place + 2)"] = try map.value(engine).plain(workers: engine.workers).array
      let level = outputs.levels[place]
      maps["objectness\(place + 2)"] = try byAnchor(level.objectness, each: 1, engine)
      maps["deltas\(place + 2)"] = try byAnchor(level.deltas, each: 4, engine)
    }
    for sample in wanted.maps {
      guard let map = maps[sample.name] else { continue }
      sample.expect(map)
    }
    let proposals = try outputs.boxes(scene.sizes, isTraining: true, engine)
    var place = 0
    for (n, image) in wanted.images.enumerated() {
      let found = anchorTargets(
        outputs.anchors, targets[n].boxes, network.options, address(n, .anchors), engine.workers)
      let positives = found.filter { $0.deltas != nil }.map { target in
        outputs.anchors.levels.prefix(target.level).reduce(target.anchor) { $0 + $1.count }
      }
      #expect(positives.sorted() == image.positiveAnchors)
      #expect(found.count - positives.count == image.negativeAnchors)
      expectClose(
        proposals[n].flatMap { [$0.x0, $0.y0, $0.x1, $0.y1] }, image.proposals.flatMap { $0 },
        absolute: wanted.proposalTolerance, "proposals")
      let regions = regions(
        proposals[n], targets[n], image: n, network.options, address(n, .regions), engine.workers)
      place = try expectRegions(regions, image, targets, wanted.maskTargets, from: place)
    }
    #expect(place == wanted.maskTargets.count)
  }

  /// Regions as a set; the place after this image's mask targets.
  private func expectRegions(
    _ regions: [Region], _ image: TrainingFixture.Image, _ targets: [ImageTargets],
    _ masks: [String], from place: Int
  ) throws -> Int {
    var place = place
    #expect(regions.count == image.classOfRegion.count)
    let boxes =
      image.proposals
      + targets[regions.first?.image ?? 0].boxes.map {
        [$0.x0, $0.y0, $0.x1, $0.y1].map(Double.init)
      }
    for (k, box) in boxes.enumerated() {
      func distance(_ region: Region) -> Double {
        let ours = [region.box.x0, region.box.y0, region.box.x1, region.box.y1]
        return zip(ours, box).reduce(0) { max($0, (Double($1.0) - $1.1).magnitude) }
      }
      let region = try #require(regions.min { distance($0) < distance($1) })
      let isForeground = image.classOfRegion[k] < 3
      #expect(region.truth == (isForeground ? image.matchOfRegion[k] : nil), "region \(k)")
      #expect(
        pooledLevel(region.box, canonical: 44) + 2 == image.levelOfRegion[k], "region \(k)")
      guard isForeground else { continue }
      let cells = try RunLengths(compressed: masks[place], height: 28, width: 28).decode()
      let ours = maskTargets([region], targets, side: 28, Workers(1))[0]
      #expect(ours == cells.map { Float($0) }, "mask target of region \(k)")
      place += 1
    }
    return place
  }

  @Test("A definition changed on purpose shows in the losses", arguments: changes.indices)
  func mistakes(_ place: Int) throws {
    let change = changes[place]
    let scene: MaskScene = try maskFixture("scene")
    let wanted: TrainingFixture = try maskFixture("frozen")
    let engine = try testEngine()
    var options = MaskScene.options(.frozen)
    change.make(&options)
    let network = try scene.network(options, engine)
    let losses = try network.losses(
      try scene.images(), sizes: scene.sizes, targets: try scene.targets(),
      address: MaskRCNNFixtureTests.address, Pass(engine: engine, mode: .training))
    let ours = byName(losses)
    let wrong = wanted.losses.filter { loss in
      !(((ours[loss.name] ?? .nan) - loss.values[0]).magnitude <= 2 * loss.tolerance)
    }
    #expect(!wrong.isEmpty, "\(change.name)")
  }

  private func byName(_ losses: DetectionLosses) -> [String: Double] {
    [
      "rpn_objectness": losses.rpnObjectness, "rpn_box": losses.rpnBox,
      "classification": losses.classification, "box": losses.box, "mask": losses.mask,
    ]
  }

  @Test("Detections and their masks", arguments: TestEngine.convolving)
  func detections(_ on: TestEngine) throws {
    let scene: MaskScene = try maskFixture("scene")
    let wanted: DetectionFixture = try maskFixture("detections")
    let network = try scene.network(MaskScene.options(.frozen), try on.make(Workers(2)))
    let (height, width) = (scene.original[0], scene.original[1])
    let found = try network.detect(
      try scene.images().images(0..<1), sizes: [scene.sizes[0]],
      original: [(height: height, width: width)])[0]
    #expect(found.map(\.label) == wanted.labels)
    let ours = [
      "boxes": found.flatMap { [$0.box.x0, $0.box.y0, $0.box.x1, $0.box.y1] },
      "scores": found.map(\.score),
    ]
    for output in wanted.outputs { output.expect(try #require(ours[output.name])) }
    for (k, detection) in found.enumerated() {
      let mask = try #require(detection.mask)
      #expect(mask.height == height && mask.width == width)
      let surely = try RunLengths(compressed: wanted.surely[k], height: height, width: width)
      let atMost = try RunLengths(compressed: wanted.atMost[k], height: height, width: width)
      let wrong = zip(mask.decode(), zip(surely.decode(), atMost.decode())).filter { got, range in
        got < range.0 || got > range.1
      }
      #expect(wrong.isEmpty, "detection \(k): \(wrong.count) pixels")
    }
  }

  private func address(_ image: Int, _ use: RandomStream.Use) -> Sampler.Address {
    let address = MaskRCNNFixtureTests.address
    return Sampler.Address(seed: address.seed, step: address.step, image: image, use: use)
  }

  /// (N, A·each, H, W) as (N, H·W, A, each).
  private func byAnchor(
    _ map: Activation, each: Int, _ engine: any Engine
  ) throws -> [Float] {
    let plain = try map.value(engine).plain(workers: engine.workers)
    let (rows, cells) = (plain.shape[1], plain.shape[2] * plain.shape[3])
    return (0..<plain.count).map { i in
      let (image, rest) = i.quotientAndRemainder(dividingBy: rows * cells)
      let (cell, row) = rest.quotientAndRemainder(dividingBy: rows)
      return plain.pointer[(image * rows + row) * cells + cell]
    }
  }
}
