// A detector for inference: pixels of any size in, boxes, classes, scores and masks in those pixels
// out. Calls must not overlap. Not here: training (DetectorTrainer), files (DetectorCheckpoint).

import ScrlAutograd
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlPretraining
import ScrlNN
import ScrlTensor

package final class Detector {
  package let config: Config
  package let classes: DetectorClasses
  /// Every weight and statistic: encoder.*, fpn.*, rpn.*, box_head.*, …
  package let state: ModuleContents
  let network: DetectionNetwork
  let options: DetectionOptions
  let engine: any Engine
  private let fitter = PictureFitter()

  /// A detector with fresh weights, drawn from the config's seed.
  package convenience init(
    _ config: Config, _ classes: DetectorClasses, engine: any Engine
  ) throws(ScrlError) {
    try self.init(config, classes, WeightSource(engine: engine, seed: UInt64(config.seed)))
  }

  init(
    _ config: Config, _ classes: DetectorClasses, _ weights: WeightSource
  ) throws(ScrlError) {
    try config.check()
    self.config = config
    self.classes = classes
    engine = weights.engine
    options = config.detectionOptions
    var source = weights
    network = try DetectionNetwork(options, classes: classes.count, &source)
    state = network.contents
  }

  package var hasMasks: Bool { options.hasMasks }

  /// What is seen in a picture, the highest score first.
  package func detect(_ image: RGBImage) throws(ScrlError) -> [Detection] {
    let fit = Fit(
      height: image.height, width: image.width, shortest: config.detect.testSize,
      longest: config.detect.maxSize)
    let shape = paddedShape([fit], multiple: options.imageMultiple)
    let pixels = try Tensor(zeros: shape)
    try fitter.write(
      image, fit, .bilinear, rowStride: shape[3], planeStride: shape[2] * shape[3],
      into: pixels.pointer)
    let found = try network.detect(
      pixels, sizes: [(fit.height, fit.width)], original: [fit.source])
    return found.first ?? []
  }
}

extension Config {
  /// The numbers of the network that the keys tell; the others are Detectron2's.
  package var detectionOptions: DetectionOptions {
    var options = DetectionOptions()
    (options.architecture, options.stem) = (architecture, stem)
    (options.frozenStages, options.norm) = (
      detect.freezeAt, detect.norm == .frozen ? .frozen : .trained
    )
    options.hasMasks = detect.kind == .mask
    options.pyramidWidth = detect.channels
    options.boxHeadWidth = detect.boxHidden
    options.maskHeadWidth = detect.maskChannels
    options.anchorSizes = (0..<DetectionOptions.levels).map { level in
      Double(detect.anchorSize << level)
    }
    options.canonicalBox = Double(detect.canonicalSize)
    options.trainCandidatesPerLevel = detect.beforeNMS
    options.testCandidatesPerLevel = detect.beforeNMSInTest
    (options.trainProposals, options.testProposals) = (detect.proposals, detect.proposals)
    options.anchorsPerImage = detect.anchorSamples
    options.regionsPerImage = detect.regionSamples
    options.scoreThreshold = detect.scoreThreshold
    options.detectionNMS = detect.overlapThreshold
    options.detectionsPerImage = detect.maxDetections
    return options
  }
}
