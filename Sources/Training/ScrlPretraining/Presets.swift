// Starting points. The *ep presets hold the published values (paper, section 4, and the official
// configuration files: global batch 8192; supervised: Goyal et al. 2017, with a cosine where they
// have steps), detect-1x those of Detectron2's mask_rcnn_R_50_FPN_1x; the small ones are for
// hundreds or thousands of images on a few cores.

import ScrlBase

package enum Preset: String, CaseIterable {
  case scrlSmall = "scrl-small"
  case byolSmall = "byol-small"
  case scrl200 = "scrl-200ep"
  case scrl1000 = "scrl-1000ep"
  case byol200 = "byol-200ep"
  case byol1000 = "byol-1000ep"
  case supervisedSmall = "supervised-small"
  case supervised90 = "supervised-90ep"
  case detectSmall = "detect-small"
  case detect1x = "detect-1x"

  package static let standard = Preset.scrlSmall

  package static func named(_ name: String) throws(ScrlError) -> Preset {
    if let preset = Preset(rawValue: name) { return preset }
    let names = allCases.map(\.rawValue).joined(separator: ", ")
    throw ScrlError(.config, "config: unknown preset '\(name)' · expected one of \(names)")
  }

  package var config: Config {
    var config = Config()
    switch self {
    case .scrl200, .byol200, .detect1x: break  // the values that Config starts with
    case .scrl1000, .byol1000:
      config.epochs = 1000
      config.baseRate = 0.2
      config.weightDecay = 1.5e-6
      config.emaMomentum = 0.996
    case .scrlSmall, .byolSmall:
      config.architecture = .resnet18
      config.viewSize = 128  // 4×4 cells at stride 32
      config.headHidden = 1024
      config.headOutput = 128
      config.batch = 32
      config.epochs = 100
      config.warmupEpochs = 5
      config.baseRate = 2
      config.emaMomentum = 0.99
    case .supervised90:
      config.batch = 256
      config.epochs = 90
      config.supervise()
    case .supervisedSmall:
      config.architecture = .resnet18
      config.viewSize = 128
      config.batch = 32
      config.epochs = 100
      config.supervise()
    case .detectSmall:
      config.architecture = .resnet18
      config.detect = .small
    }
    switch self {
    case .byolSmall, .byol200, .byol1000: config.method = .byol
    case .scrlSmall, .scrl200, .scrl1000, .supervisedSmall, .supervised90, .detectSmall, .detect1x:
      break
    }
    return config
  }
}

extension Config {
  fileprivate mutating func supervise() {
    method = .supervised
    augmentation = .simple
    cropScale = 0.08...1
    warmupEpochs = 5
    baseRate = 0.1
    weightDecay = 1e-4
  }
}
