// The detection network as a whole: its weights, its gradients, what it does with odd targets.

import ScrlAutograd
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlNN
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlDetection

private let address = (seed: UInt64(1), step: 0)

/// Boxes in place of the proposal head's, on both sides of the objects.
private let proposed: [[PixelBox]] = (0..<2).map { image in
  (0..<12).map { (k: Int) -> PixelBox in
    let (x, y) = (Float(k % 4) * 11 + Float(image), Float(k / 4) * 13)
    let (width, height) = (18 + Float(k), 24 - Float(k) / 2)
    return PixelBox(x0: x, y0: y, x1: x + width, y1: y + height)
  }
}

@Suite("Detection network")
struct NetworkTests {
  @Test("Weights have their names and shapes; without masks there is no mask head")
  func names() throws {
    var source = WeightSource(zeros: try testEngine())
    var options = DetectionOptions()
    let network = try DetectionNetwork(options, classes: 80, &source)
    let all = network.contents.state.map { "\($0.name) \($0.tensor.plainShape)" }
    let expected = [
      "encoder.conv1.weight [64, 3, 7, 7]", "encoder.layer4.2.bn3.running_var [2048]",
      "fpn.lateral2.weight [256, 256, 1, 1]", "fpn.lateral5.weight [256, 2048, 1, 1]",
      "fpn.output5.weight [256, 256, 3, 3]", "fpn.output2.bias [256]",
      "rpn.conv.weight [256, 256, 3, 3]", "rpn.objectness.weight [3, 256, 1, 1]",
      "rpn.deltas.weight [12, 256, 1, 1]", "rpn.deltas.bias [12]",
      "box_head.fc1.weight [1024, 12544]", "box_head.fc2.bias [1024]",
      "box_predictor.scores.weight [81, 1024]", "box_predictor.deltas.weight [320, 1024]",
      "mask_head.conv1.weight [256, 256, 3, 3]", "mask_head.conv4.bias [256]",
      "mask_head.upsample.weight [256, 256, 2, 2]", "mask_head.predictor.weight [80, 256, 1, 1]",
    ]
    for name in expected { #expect(all.contains(name), "\(name)") }
    let heads = all.filter { !$0.hasPrefix("encoder.") }
    #expect(heads.count == 16 + 6 + 8 + 12)
    // 44,454,513 has torchvision's maskrcnn_resnet50_fpn, norms included, with 91 classes; here are
    // 80 and the background, and all else is the same.
    let count = network.contents.parameters.reduce(0) { $0 + $1.parameter.plainCount }
    let fewer = 10 * 1025 + 11 * 4 * 1025 + 11 * 257  // scores, deltas, masks
    #expect(count == 44_454_513 - fewer)

    options.hasMasks = false
    var again = WeightSource(zeros: try testEngine())
    let faster = try DetectionNetwork(options, classes: 80, &again)
    #expect(!faster.contents.state.contains { $0.name.hasPrefix("mask_head") })
  }

  @Test("Frozen stages and norms have no gradient, everything else has one", arguments: 0...5)
  func frozen(_ stages: Int) throws {
    let engine = try testEngine()
    for norm in DetectionOptions.Norm.allCases {
      var options = tinyOptions()
      (options.frozenStages, options.norm) = (stages, norm)
      let network = try tinyDetector(options, engine)
      _ = try run(network, try shapesScene())
      let trained = Set(network.trained.map(\.name))
      for entry in network.contents.parameters {
        #expect((entry.parameter.gradient != nil) == trained.contains(entry.name), "\(entry.name)")
      }
      #expect(trained.contains("encoder.conv1.weight") == (stages == 0))
      #expect(trained.contains("encoder.layer1.0.conv1.weight") == (stages < 2))
      #expect(trained.contains("encoder.layer4.1.bn2.weight") == (stages < 5 && norm == .trained))
      #expect(trained.contains("fpn.lateral2.weight"))
    }
  }

  @Test("Norms that are trained move their statistics, those of frozen stages stay")
  func statistics() throws {
    var options = tinyOptions()
    options.norm = .trained
    let network = try tinyDetector(options, try testEngine())
    _ = try run(network, try shapesScene())
    func mean(_ name: String) throws -> [Float] {
      try #require(network.contents.state.first { $0.name == "encoder.\(name).running_mean" })
        .tensor.plain().array
    }
    let (still, moved) = (try mean("layer1.0.bn1"), try mean("layer2.0.bn1"))
    #expect(still.allSatisfy { $0 == 0 })
    #expect(moved.contains { $0 != 0 })
  }

  // The step is chosen so that the losses which depend on the weight move by 3e-4 of themselves.
  // Their own rounding: each term is good to about √(40 layers)·√(500 terms)·2⁻²⁴ = 8e-6, and some
  // hundreds are averaged: 1e-6, which is 3e-3 of the move, once on each side. The rest is curvature:
  // of second order where the loss is smooth, and the ReLUs and L1 terms that turn within a step,
  // of which each changes the slope by its own share: 2e-2 for all of it. (A step three times as
  // large, of the largest element alone, was measured to turn so many that they made 2.3e-2.)
  @Test(
    "The gradient is the loss's difference quotient: along it, and at its largest element",
    arguments: DetectionOptions.Norm.allCases)
  func gradients(_ norm: DetectionOptions.Norm) throws {
    var options = tinyOptions()
    (options.frozenStages, options.norm) = (1, norm)
    let network = try tinyDetector(options, isHashed: true, try testEngine())
    let scene = try shapesScene()
    func losses() throws -> DetectionLosses {
      try network.losses(
        scene.images, sizes: scene.sizes, targets: scene.targets, proposals: proposed,
        address: address, Pass(engine: network.engine, mode: .training))
    }
    let all = try run(network, scene, proposals: proposed)
    for name in checkedWeights {
      let weight = try #require(network.contents.parameters.first { $0.name == name }).parameter
      let gradient = try weight.plain(try #require(weight.gradient)).array
      let largest = try #require(
        gradient.indices.max { gradient[$0].magnitude < gradient[$1].magnitude })
      var single = [Float](repeating: 0, count: gradient.count)
      single[largest] = gradient[largest]
      for (direction, what) in [(gradient, "along it"), (single, "element \(largest)")] {
        let square = direction.reduce(0.0) { $0 + Double($1) * Double($1) }
        let step = 3e-4 * all.part(of: name) / square  // times the direction
        let values = try weight.plain().array
        func moved(_ sign: Double) throws -> Double {
          let shifted = zip(values, direction).map { Float(Double($0) + sign * step * Double($1)) }
          try weight.assign(plain: try Tensor(shifted, shape: weight.plainShape))
          return try losses().part(of: name)
        }
        let (above, below) = (try moved(1), try moved(-1))
        let ratio = (above - below) / (2 * step * square)
        try weight.assign(plain: try Tensor(values, shape: weight.plainShape))
        #expect(abs(ratio - 1) < 2e-2, "\(name), \(what): \(ratio) of the gradient")
      }
    }
  }

  @Test("The same address makes the same bytes; another step samples otherwise")
  func determinism() throws {
    let engine = try testEngine()
    func outcome(_ step: Int) throws -> (DetectionLosses, [[Float]]) {
      var options = tinyOptions()
      (options.anchorsPerImage, options.regionsPerImage) = (32, 16)
      let network = try tinyDetector(options, engine)
      let losses = try run(network, try shapesScene(), address: (1, step))
      return (losses, try network.trained.map { try #require($0.parameter.gradient).array })
    }
    let (first, again, other) = (try outcome(0), try outcome(0), try outcome(1))
    #expect(first.0 == again.0)
    #expect(first.1 == again.1)
    #expect(first.0 != other.0)
  }

  @Test("Images without an object teach the background alone")
  func empty() throws {
    let scene = try shapesScene()
    let network = try tinyDetector(tinyOptions(), try testEngine())
    let nothing = ImageTargets(boxes: [], labels: [], masks: [])
    let losses = try run(
      network, Scene(images: scene.images, sizes: scene.sizes, targets: [nothing, nothing]))
    #expect(losses.rpnBox == 0 && losses.box == 0 && losses.mask == 0)
    #expect(losses.rpnObjectness > 0 && losses.classification > 0)
    for entry in network.trained {
      let gradient = try #require(entry.parameter.gradient).array
      #expect(gradient.allSatisfy { $0.isFinite })
      if entry.name.hasPrefix("mask_head") || entry.name.hasPrefix("box_predictor.deltas") {
        #expect(gradient.allSatisfy { $0 == 0 }, "\(entry.name)")
      }
    }
  }

  @Test("A box of the whole image, one class, and more boxes than samples are fine")
  func odd() throws {
    let scene = try shapesScene()
    var options = tinyOptions()
    (options.anchorsPerImage, options.regionsPerImage) = (16, 8)
    let network = try tinyDetector(options, classes: 1, try testEngine())
    let all = ImageTargets(
      boxes: [PixelBox(x0: 0, y0: 0, x1: 64, y1: 64)], labels: [0],
      masks: [try whole({ _, _ in true }, height: 64, width: 64)])
    let many = (0..<40).map { (k: Int) -> PixelBox in
      let (x, y) = (Float(k), Float(k % 7))
      return PixelBox(x0: x, y0: y, x1: x + 9, y1: y + 20)
    }
    let crowd = ImageTargets(boxes: many, labels: [Int](repeating: 0, count: 40))
    let losses = try run(
      network, Scene(images: scene.images, sizes: scene.sizes, targets: [all, crowd]))
    #expect(losses.total.isFinite && losses.box > 0 && losses.mask >= 0)
    for entry in network.trained {
      let gradient = try #require(entry.parameter.gradient).array
      #expect(gradient.allSatisfy { $0.isFinite })
    }
  }

  @Test("Targets that do not fit are refused by their name")
  func refused() throws {
    let scene = try shapesScene()
    let network = try tinyDetector(tinyOptions(), try testEngine())
    let good = scene.targets[1]
    func expectRefused(_ word: String, _ targets: ImageTargets, _ code: ScrlError.Code) {
      let bad = Scene(images: scene.images, sizes: scene.sizes, targets: [targets, good])
      let error = #expect(throws: ScrlError.self) { _ = try run(network, bad) }
      #expect(error?.code == code && error?.message.contains(word) == true, "\(error as Any)")
    }
    let box = PixelBox(x0: 1, y0: 1, x1: 9, y1: 9)
    expectRefused("class 3", ImageTargets(boxes: [box], labels: [3]), .data)
    expectRefused("2 labels", ImageTargets(boxes: [box], labels: [0, 1]), .shape)
    expectRefused("60×52", ImageTargets(boxes: [box], labels: [0], masks: [good.masks[0]]), .data)
    let flat = PixelBox(x0: 1, y0: 1, x1: 1, y1: 9)
    expectRefused("positive extent", ImageTargets(boxes: [flat], labels: [0]), .data)
    let far = PixelBox(x0: 1, y0: 1, x1: 300, y1: 9)
    expectRefused("within", ImageTargets(boxes: [far], labels: [0]), .data)
    let nowhere = PixelBox(x0: .nan, y0: 1, x1: 3, y1: 9)
    expectRefused("within", ImageTargets(boxes: [nowhere], labels: [0]), .data)
    let odd = try Tensor(zeros: [1, 3, 40, 64])
    #expect(throws: ScrlError.self) {
      _ = try network.detect(odd, sizes: [(40, 64)], original: [(40, 64)])
    }
  }

  private func run(
    _ network: DetectionNetwork, _ scene: Scene, proposals: [[PixelBox]]? = nil,
    address: (seed: UInt64, step: Int) = address
  ) throws -> DetectionLosses {
    let tape = Tape()
    let losses = try network.losses(
      scene.images, sizes: scene.sizes, targets: scene.targets, proposals: proposals,
      address: address, Pass(engine: network.engine, tape: tape, mode: .training))
    try tape.backward(network.engine)
    return losses
  }
}

extension DetectionLosses {
  /// What depends on a weight.
  fileprivate func part(of name: String) -> Double {
    let parts = [
      ("rpn.objectness", rpnObjectness), ("rpn.deltas", rpnBox), ("rpn.", rpnObjectness + rpnBox),
      ("box_predictor.scores", classification), ("box_predictor.deltas", box),
      ("box_head", classification + box), ("mask_head", mask),
    ]
    return parts.first { name.hasPrefix($0.0) }?.1 ?? total
  }
}

/// Of every module, weights and biases.
private let checkedWeights = [
  "encoder.layer1.0.conv1.weight", "encoder.layer2.0.downsample.0.weight",
  "encoder.layer4.1.conv2.weight", "fpn.lateral2.weight", "fpn.lateral5.bias",
  "fpn.output3.weight", "rpn.conv.weight", "rpn.objectness.bias", "rpn.deltas.weight",
  "box_head.fc1.weight", "box_head.fc2.bias", "box_predictor.scores.weight",
  "box_predictor.deltas.weight", "mask_head.conv1.weight", "mask_head.upsample.weight",
  "mask_head.upsample.bias", "mask_head.predictor.weight",
]
