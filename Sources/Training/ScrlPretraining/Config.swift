// Every option of a run, typed. `ConfigKeys.swift` gives each its key, range and meaning;
// `Presets.swift` the published values. Sources: METHOD sections of the paper (arXiv 2103.06122).

import ScrlBase
import ScrlImage
import ScrlNN

/// Who computes.
package enum Backend: String, CaseIterable, Sendable {
  case auto  // oneDNN where it can be used
  case onednn
  case openblas
}

/// Whether a 3×3 convolution may be computed in Winograd's way, where the backend has it.
package enum Winograd: String, CaseIterable, Sendable {
  case off
  case auto  // where it is not slower
}

package enum Precision: String, CaseIterable, Sendable { case float32, bfloat16 }

package struct Config: Equatable, Sendable {
  package var method = Method.scrl
  package var quirks = Quirks.corrected

  package var architecture = Architecture.resnet50
  package var stem = Stem.imagenet
  package var headHidden = 4096
  package var headOutput = 256

  package var roiStage = Stage.layer4
  package var roiPoolSize = 1
  package var roiSamplingRatio = -1
  package var roiAligned = false

  package var boxesPerImage = 10
  package var boxMinSize = 32
  package var boxIoUThreshold = 0.5
  package var boxSampler = BoxOptions.Sampler.grid
  package var boxJitter = 0.0

  package var viewSize = 224
  package var cropScale = 0.2...1.0
  package var augmentation = ViewOptions.Augmentation.simclr
  package var blur = ViewOptions.Blur.resize

  package var batch = 8192
  package var epochs = 200
  package var warmupEpochs = 10
  package var steps = 0

  package var baseRate = 0.45
  package var weightDecay = 1e-6
  package var momentum = 0.9
  package var rateRule = RateRule.linear
  package var emaMomentum = 0.97

  package var classes = 0
  package var probeOnline = false

  package var seed = 0
  package var threads = 0
  package var backend = Backend.auto
  package var winograd = Winograd.auto
  package var precision = Precision.float32
  package var loaderThreads = 0
  package var loaderPrefetch = 2
  package var checkpointEvery = 0
  package var checkpointKeep = 3
  package var checkpointMinutes = 10.0
  package var healthEvery = 50

  package var detect = DetectConfig()

  package init() {}

  package var viewOptions: ViewOptions {
    ViewOptions(size: viewSize, cropScale: cropScale, augmentation: augmentation, blur: blur)
  }

  package var boxOptions: BoxOptions {
    BoxOptions(
      perImage: boxesPerImage, minSize: boxMinSize, iouThreshold: boxIoUThreshold,
      sampler: boxSampler, jitter: boxJitter)
  }

  /// The rate that the schedule starts from.
  package var scaledRate: Double {
    rateRule.rate(base: baseRate, globalBatch: batch)
  }

  /// The last stage that training shapes, by whatever method: its pooled features are the embedding.
  package var trainedStage: Stage { roiStage }

  /// Whether a step needs the images' classes.
  package var usesLabels: Bool { method.unit == .labels || probeOnline }

  package var resolvedLoaderThreads: Int {
    loaderThreads > 0 ? loaderThreads : max(1, Workers(threads).count / 4)
  }
}
