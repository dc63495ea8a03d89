// Self-distillation (Grill et al. 2020): an online network learns to predict its own moving average.
// SCRL and BYOL differ in what is projected: boxes, or whole views.
// Names in checkpoints: "online.encoder", "online.projector", "target.*", "predictor", "probe".
// Letters: M = 2N views, K boxes per view, D projection length, F classes.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor
import ScrlTraining

/// What makes a method of self-distillation its own.
package protocol SelfDistilled: SendableMetatype {
  static var name: String { get }
  static var unit: LossUnit { get }
  static var presets: [Preset] { get }
  static var linearRate: Double { get }
}

package struct SelfDistillation<Kind: SelfDistilled>: PretrainingMethod {
  package static var name: String { Kind.name }
  package static var unit: LossUnit { Kind.unit }
  package static var presets: [Preset] { Kind.presets }
  package static var linearRate: Double { Kind.linearRate }

  let online: Branch
  let predictor: Head
  let target: Branch
  let probe: Linear?  // classes from the detached features of the online network

  package init(_ config: Config, engine: any Engine) throws(ScrlError) {
    let seed = UInt64(config.seed)
    var source = WeightSource(engine: engine, seed: seed)
    online = try Branch(config, &source)
    predictor = try Head(
      inputs: config.headOutput, hidden: config.headHidden, outputs: config.headOutput, &source)
    probe =
      config.probeOnline
      ? try Linear(
        name: "probe", inputs: config.architecture.channels(of: config.trainedStage),
        outputs: config.classes, bias: true, &source) : nil
    // Official: the target starts from weights of its own. Corrected: from the online ones.
    var targetSource = WeightSource(engine: engine, seed: seed, use: .targetWeights)
    target = try Branch(config, &targetSource)
    if config.quirks == .corrected {
      try target.contents().copyValues(from: online.contents())
    }
  }

  package var trained: ModuleContents {
    var contents = ModuleContents()
    online.collect(into: &contents, prefix: "online.")
    predictor.collect(into: &contents, prefix: "predictor.")
    probe?.collect(into: &contents, prefix: "")
    return contents
  }

  package func collect(into contents: inout ModuleContents, prefix: String) {
    online.collect(into: &contents, prefix: prefix + "online.")
    predictor.collect(into: &contents, prefix: prefix + "predictor.")
    probe?.collect(into: &contents, prefix: prefix)
    target.collect(into: &contents, prefix: prefix + "target.")
  }

  package func outcome(
    _ batch: Batch, _ config: Config, looks: Bool, _ pass: Pass, _ watch: inout StepWatch
  ) throws(ScrlError) -> Outcome {
    let pooling = try Pooling(batch, config)
    // 1. Target network on both views and their boxes, nothing kept: t (2K,D). BatchNorm sees both
    // views together. It goes first: what the online network keeps would only lie beside it.
    let quiet = Pass(engine: pass.engine, mode: .training)
    let t = try target.forward(batch, config, pooling, quiet).projection.value(pass.engine)
    watch.lap(\.targetForward)

    // 2. Online network and predictor on the same: q (2K,D).
    let (features, z) = try online.forward(batch, config, pooling, pass)
    let q = try predictor.forward(z, pass)
    watch.lap(\.onlineForward)

    // 3. Loss: mean over boxes of (2 − 2 q₁·t₂) + (2 − 2 q₂·t₁), paper section 3; and the
    // probe's on features through which no gradient passes.
    var outcome = Outcome()
    outcome.loss = try pass.cosineRegressionLoss(q, target: t)
    if looks, outcome.loss.isFinite {
      outcome.health = try batch.health(
        of: z, pooling.boxes, areProjections: true, pass, &watch)
    }
    if let probe, let labels = batch.viewLabels {
      let pooled = try pass.globalAveragePool(features.detached)
      let logits = try probe.forward(pooled, pass)
      outcome.probeLoss = try pass.crossEntropyLoss(logits, labels: labels)
      outcome.accuracy = accuracy(of: try logits.value(pass.engine), labels)
    }
    return outcome
  }

  /// target ← m·target + (1 − m)·online, parameters only.
  package func followUp(momentum: Double, _ engine: any Engine) throws(ScrlError) {
    try target.contents().follow(online.contents(), momentum: momentum, engine.workers)
  }
}
