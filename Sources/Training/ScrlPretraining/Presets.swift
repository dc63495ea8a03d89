// Starting points: those of each method, and of detectors. The small ones are for hundreds or
// thousands of images on a few cores, detect-1x is Detectron2's mask_rcnn_R_50_FPN_1x.

import ScrlBase

package struct Preset: Sendable {
  package let name: String
  package let config: Config

  init(_ name: String, _ method: Method = .scrl, _ adjust: (inout Config) -> Void) {
    self.name = name
    var config = Config()
    config.method = method
    adjust(&config)
    self.config = config
  }

  package static let all = Method.all.flatMap { $0.presets } + detection
  package static let standard = all[0]

  private static let detection = [
    Preset("detect-small") {
      $0.architecture = .resnet18
      $0.detect = .small
    },
    Preset("detect-1x") { _ in },
  ]

  package static func named(_ name: String) throws(ScrlError) -> Preset {
    if let preset = all.first(where: { $0.name == name }) { return preset }
    let names = all.map(\.name).joined(separator: ", ")
    throw ScrlError(.config, "config: unknown preset '\(name)' · expected one of \(names)")
  }
}

extension Config {
  /// ResNet-18 on views of 128 pixels: 4×4 cells at stride 32.
  mutating func makeSmallNetwork() {
    architecture = .resnet18
    viewSize = 128
    batch = 32
  }
}
