// The supervised baseline: a linear classifier on the pooled features, all of it trained by softmax
// cross entropy. Names in checkpoints: "online.encoder", "classifier".
// Letters: M = 2N views, C channels, F classes.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor
import ScrlTraining

package struct Supervised: PretrainingMethod {
  package static let name = "supervised"
  package static let unit = LossUnit.labels
  package static let forwardPasses = 1
  package static let usesLARS = false

  /// supervised-90ep: Goyal et al. 2017, with a cosine where they have steps.
  package static var presets: [Preset] {
    [
      Preset("supervised-small", .supervised) {
        $0.makeSmallNetwork()
        $0.epochs = 100
        $0.supervise()
      },
      Preset("supervised-90ep", .supervised) {
        $0.batch = 256
        $0.epochs = 90
        $0.supervise()
      },
    ]
  }

  let encoder: ResNet
  let classifier: Linear

  package init(_ config: Config, engine: any Engine) throws(ScrlError) {
    var source = WeightSource(engine: engine, seed: UInt64(config.seed))
    encoder = try ResNet(config.architecture, stem: config.stem, &source)
    classifier = try Linear(
      name: "classifier", inputs: config.architecture.channels(of: config.trainedStage),
      outputs: config.classes, bias: true, &source)
  }

  package var trained: ModuleContents { contents() }

  package func collect(into contents: inout ModuleContents, prefix: String) {
    encoder.collect(into: &contents, prefix: prefix + "online.encoder.")
    classifier.collect(into: &contents, prefix: prefix)
  }

  /// Mean over the labelled views.
  package func outcome(
    _ batch: Batch, _ config: Config, looks: Bool, _ pass: Pass, _ watch: inout StepWatch
  ) throws(ScrlError) -> Outcome {
    let features = try encoder.forward(batch.views, upTo: config.trainedStage, pass)
    let pooled = try pass.globalAveragePool(features)  // (M,C)
    let logits = try classifier.forward(pooled, pass)  // (M,F)
    watch.lap(\.onlineForward)
    let labels = batch.viewLabels ?? []
    let loss = try pass.crossEntropyLoss(logits, labels: labels)
    var outcome = Outcome(
      loss: loss, accuracy: accuracy(of: try logits.value(pass.engine), labels))
    if looks, loss.isFinite {
      outcome.health = try batch.health(of: pooled, nil, areProjections: false, pass, &watch)
    }
    return outcome
  }

  package func followUp(momentum: Double, _ engine: any Engine) {}
}

extension Method {
  package static let supervised = Method(Supervised.self)
}

extension Config {
  fileprivate mutating func supervise() {
    augmentation = .simple
    cropScale = 0.08...1
    warmupEpochs = 5
    baseRate = 0.1
    weightDecay = 1e-4
  }
}
