// Mask R-CNN (He et al. 2017) and, without its mask head, Faster R-CNN on a feature pyramid: an
// encoder, a pyramid, a proposal head, region heads. What Detectron2 calls GeneralizedRCNN.
// Letters: N images, H×W pixels of the padded images.
// Not here: reading and resizing images, the optimiser.

import ScrlAutograd
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlNN
import ScrlTensor

package final class DetectionNetwork {
  package let options: DetectionOptions
  package let classes: Int
  let encoder: ResNet
  let pyramid: FeaturePyramid
  let proposalHead: ProposalHead
  let boxHead: BoxHead
  let maskHead: MaskHead?
  let engine: any Engine

  package init(
    _ options: DetectionOptions, classes: Int, _ source: inout WeightSource
  ) throws(ScrlError) {
    try options.check()
    guard (1...DetectorClasses.most).contains(classes) else {
      throw ScrlError(
        .config, "detector: got \(classes) classes · expected 1...\(DetectorClasses.most)")
    }
    self.options = options
    self.classes = classes
    engine = source.engine
    encoder = try ResNet(options.architecture, stem: options.stem, &source)
    pyramid = try FeaturePyramid(options.architecture, width: options.pyramidWidth, &source)
    proposalHead = try ProposalHead(
      width: options.pyramidWidth, anchors: options.anchorRatios.count, &source)
    boxHead = try BoxHead(options, classes: classes, &source)
    maskHead = options.hasMasks ? try MaskHead(options, classes: classes, &source) : nil
  }

  /// Every weight and statistic: "encoder.", "fpn.", "rpn.", "box_head.", "box_predictor.",
  /// "mask_head.".
  package var contents: ModuleContents {
    var contents = ModuleContents()
    encoder.collect(into: &contents, prefix: "encoder.")
    pyramid.collect(into: &contents, prefix: "fpn.")
    proposalHead.collect(into: &contents, prefix: "rpn.")
    boxHead.collect(into: &contents, prefix: "")
    maskHead?.collect(into: &contents, prefix: "")
    return contents
  }

  /// What an optimiser moves: all but the frozen stages and frozen norms.
  package var trained: [NamedParameter] {
    let frozen = (["conv1", "bn1"] + Stage.allCases.map(\.rawValue)).filter {
      switch Stage(rawValue: $0) {
      case let stage?: isFrozen(stage)
      case nil: options.frozenStages > 0
      }
    }
    return contents.parameters.filter { entry in
      let isNorm = [.normScale, .normShift].contains(entry.parameter.role)
      return !(isNorm && options.norm == .frozen)
        && !frozen.contains { entry.name.hasPrefix("encoder.\($0).") }
    }
  }

  func isFrozen(_ stage: Stage) -> Bool { options.frozenStages > stage.index + 1 }

  /// P2…P6 of images (N,3,H,W) plain.
  func levels(_ images: Tensor, _ pass: Pass) throws(ScrlError) -> [Activation] {
    let still = Pass(engine: engine, mode: .inference)
    let moving = Pass(
      engine: engine, tape: pass.tape, mode: options.norm == .trained ? pass.mode : .inference)
    let blocked = try images.blocked(engine.channelBlock(for: 3), workers: engine.workers)
    var map = try encoder.runStem(blocked, options.frozenStages > 0 ? still : moving)
    var laterals: [Activation] = []
    for stage in Stage.allCases {
      map = try encoder.run(stage, map, isFrozen(stage) ? still : moving)
      laterals.append(try pyramid.lateral(map, of: stage, pass))
    }
    return try pyramid.forward(laterals, pass)
  }

  func checkImages(
    _ images: Tensor, _ sizes: [(height: Int, width: Int)]
  ) throws(ScrlError) {
    let multiple = options.imageMultiple
    let shape = images.shape
    guard shape.count == 4, shape[1] == 3, images.count > 0, images.layout == .plain,
      shape[2] % multiple == 0, shape[3] % multiple == 0, shape[2] <= 1 << 16, shape[3] <= 1 << 16
    else {
      throw ScrlError(
        .shape,
        "detector: got images \(shape) · expected (N,3,H,W), H and W multiples of \(multiple) up "
          + "to 65536")
    }
    guard sizes.count == shape[0] else {
      throw ScrlError(.shape, "detector: got \(sizes.count) sizes · expected \(shape[0])")
    }
    for size in sizes {
      guard (1...shape[2]).contains(size.height), (1...shape[3]).contains(size.width) else {
        throw ScrlError(
          .shape,
          "detector: got an image of \(size.height)×\(size.width) · expected at most "
            + "\(shape[2])×\(shape[3])")
      }
    }
  }
}
