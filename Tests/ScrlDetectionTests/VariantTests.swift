// The same network on another engine, and without its mask head.

import ScrlAutograd
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlNN
import TestSupport
import Testing

@testable import ScrlDetection

@Suite("Detection network, variants")
struct VariantTests {
  // 40 layers forward and back, each of which adds √500·2⁻²⁴ = 1.3e-6 of its own, in quadrature 8e-6.
  // (Measured: 1.2e-6 in the worst tensor; no ReLU of these weights falls on the other side.)
  @Test("Every engine makes the same losses and gradients", arguments: TestEngine.all.dropFirst())
  func engines(_ kind: TestEngine) throws {
    let (ours, gradients) = try outcome(try kind.make(Workers()))
    let (theirs, expected) = try outcome(try testEngine())
    let pairs = [
      (ours.rpnObjectness, theirs.rpnObjectness), (ours.rpnBox, theirs.rpnBox),
      (ours.classification, theirs.classification), (ours.box, theirs.box),
      (ours.mask, theirs.mask),
    ]
    for (a, b) in pairs { #expect(abs(a - b) < 1e-5 * b, "\(ours) · \(theirs)") }
    for (name, wanted) in expected {
      let got = try #require(gradients[name])
      var (error, size) = (0.0, 0.0)
      for (a, b) in zip(got, wanted) {
        error += Double(a - b) * Double(a - b)
        size += Double(b) * Double(b)
      }
      #expect((error / size).squareRoot() < 1e-5, "\(name)")
    }
  }

  @Test("Without masks all other losses are the same, and detections have none")
  func withoutMasks() throws {
    let scene = try shapesScene()
    func losses(_ hasMasks: Bool) throws -> (DetectionLosses, [[Detection]]) {
      var options = tinyOptions()
      options.hasMasks = hasMasks
      let network = try tinyDetector(options, isHashed: true, try testEngine())
      let losses = try network.losses(
        scene.images, sizes: scene.sizes, targets: scene.targets, address: (1, 0),
        Pass(engine: network.engine, mode: .training))
      return (
        losses, try network.detect(scene.images, sizes: scene.sizes, original: scene.sizes)
      )
    }
    let ((with, masked), (without, bare)) = (try losses(true), try losses(false))
    var rest = with
    rest.mask = 0
    #expect(rest == without && with.mask > 0)
    #expect(bare.joined().allSatisfy { $0.mask == nil })
    #expect(masked.joined().allSatisfy { $0.mask != nil })
    #expect(masked.map { $0.map(\.box) } == bare.map { $0.map(\.box) })
  }

  /// With proposals that do not depend on rounding.
  private func outcome(
    _ engine: any Engine
  ) throws -> (DetectionLosses, gradients: [String: [Float]]) {
    var options = tinyOptions()
    options.frozenStages = 1
    let network = try tinyDetector(options, isHashed: true, engine)
    let scene = try shapesScene()
    let tape = Tape()
    let losses = try network.losses(
      scene.images, sizes: scene.sizes, targets: scene.targets,
      proposals: scene.targets.map { target in
        target.boxes + target.boxes.map { $0.shifted(x: 9, y: -5) }
      }, address: (1, 0), Pass(engine: engine, tape: tape, mode: .training))
    try tape.backward(engine)
    var gradients: [String: [Float]] = [:]
    for entry in network.trained {
      gradients[entry.name] = try entry.parameter.plain(
        try #require(entry.parameter.gradient)
      ).array
    }
    return (losses, gradients)
  }
}
