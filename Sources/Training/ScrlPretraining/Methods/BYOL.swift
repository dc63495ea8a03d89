// BYOL (Grill et al. 2020): self-distillation of whole views, SCRL's baseline.

import ScrlBase

package enum BYOL: SelfDistilled {
  package static let name = "byol"
  package static let unit = LossUnit.views
  package static let linearRate = 0.05

  /// The *ep presets: the values that SCRL's official code gives BYOL; global batch 8192.
  package static var presets: [Preset] {
    [
      Preset("byol-small", .byol) { $0.makeSmall() },
      Preset("byol-200ep", .byol) { _ in },
      Preset("byol-1000ep", .byol) { $0.makeLong() },
    ]
  }
}

extension Method {
  package static let byol = Method(SelfDistillation<BYOL>.self)
}
