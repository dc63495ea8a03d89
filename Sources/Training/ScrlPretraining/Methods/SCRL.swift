// SCRL (Roh, Shin, Kim, Kim 2021): self-distillation of matched regions.

import ScrlBase

package enum SCRL: SelfDistilled {
  package static let name = "scrl"
  package static let unit = LossUnit.regions
  package static let linearRate = 0.2

  /// The *ep presets: paper, section 4, and the official configuration files; global batch 8192.
  package static var presets: [Preset] {
    [
      Preset("scrl-small") { $0.makeSmall() },
      Preset("scrl-200ep") { _ in },  // the values that Config starts with
      Preset("scrl-1000ep") { $0.makeLong() },
    ]
  }
}

extension Method {
  package static let scrl = Method(SelfDistillation<SCRL>.self)
}

extension Config {
  /// 1000 epochs, for SCRL as for BYOL.
  mutating func makeLong() {
    epochs = 1000
    baseRate = 0.2
    weightDecay = 1.5e-6
    emaMomentum = 0.996
  }

  /// Self-distillation of hundreds or thousands of images on a few cores.
  mutating func makeSmall() {
    makeSmallNetwork()
    headHidden = 1024
    headOutput = 128
    epochs = 100
    warmupEpochs = 5
    baseRate = 2
    emaMomentum = 0.99
  }
}
