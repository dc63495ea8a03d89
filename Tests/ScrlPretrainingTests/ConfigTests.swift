import ScrlBase
import Testing

@testable import ScrlPretraining

@Suite("Config")
struct ConfigTests {
  @Test(
    "every key accepts the text it gives, and changes nothing by that", arguments: Preset.all)
  func roundTrip(preset: Preset) throws {
    var config = preset.config
    for key in ConfigKey.all { try config.set(key.name, key.read(config)) }
    #expect(config == preset.config)
  }

  @Test("the text of a config rebuilds it")
  func textRoundTrip() throws {
    var config = try Preset.named("scrl-1000ep").config
    try config.set("views.crop_scale", "0.08:0.9")
    try config.set("optimizer.weight_decay", "0.1")
    try config.set("seed", "12345678901234567")
    var rebuilt = Config()
    try rebuilt.merge(text: config.text(shapingResult: true))
    try rebuilt.merge(text: config.text(shapingResult: false))
    #expect(rebuilt == config)
  }

  @Test("an unknown key is refused by name, with the nearest one")
  func unknownKey() {
    var config = Config()
    #expect {
      try config.set("train.bach", "3")
    } throws: { error in
      "\(error)".contains("'train.bach'") && "\(error)".contains("'train.batch'")
    }
  }

  @Test(
    "values out of range or of another type are refused and change nothing",
    arguments: [
      ("train.batch", "0"), ("train.batch", "many"), ("train.batch", ""), ("train.batch", "1.5"),
      ("ema.momentum", "1.1"), ("ema.momentum", "nan"), ("optimizer.base_lr", "-1"),
      ("optimizer.base_lr", "inf"), ("views.crop_scale", "0.5"), ("views.crop_scale", "0.9:0.1"),
      ("views.crop_scale", "0:1"), ("model.arch", "resnet19"), ("roi.aligned", "maybe"),
      ("seed", "-1"), ("compute.backend", "mkl"),
    ])
  func badValue(key: String, value: String) {
    var config = Config()
    #expect(throws: ScrlError.self) { try config.set(key, value) }
    #expect(config == Config())
  }

  @Test(
    "options that contradict each other are refused",
    arguments: [
      [("boxes.min_size", "224")], [("views.size", "16"), ("boxes.min_size", "8")],
      [("train.epochs", "5"), ("train.warmup_epochs", "5")],
      [("method", "byol"), ("train.batch", "1")],
      [("method", "supervised"), ("probe.online", "true")], [("train.classes", "1")],
      [("roi.pool_size", "16")],  // 2048·16² inputs of the projector
      // Of boxes that do not overlap, 224 pixels hold 7×7 of 32.
      [("boxes.iou_threshold", "0"), ("boxes.per_image", "50")],
      [("views.size", "64"), ("boxes.per_image", "1000")],
    ])
  func contradictions(settings: [(String, String)]) throws {
    var config = try Preset.named("scrl-200ep").config
    for (key, value) in settings { try config.set(key, value) }
    #expect(throws: ScrlError.self) { try config.check() }
  }

  @Test("what a view holds is not refused")
  func boxesThatFit() throws {
    var config = try Preset.named("scrl-200ep").config
    (config.boxIoUThreshold, config.boxesPerImage) = (0, 49)
    try config.check()
    (config.boxIoUThreshold, config.boxesPerImage, config.viewSize) = (1, 1024, 64)
    try config.check()
    for preset in Preset.all { try preset.config.check() }
  }

  @Test("the published presets hold the published values")
  func published() throws {
    for preset in try ["scrl-200ep", "byol-200ep"].map(Preset.named) {
      let config = preset.config
      #expect((config.baseRate, config.weightDecay, config.emaMomentum) == (0.45, 1e-6, 0.97))
      #expect((config.epochs, config.warmupEpochs, config.batch) == (200, 10, 8192))
    }
    for preset in try ["scrl-1000ep", "byol-1000ep"].map(Preset.named) {
      let config = preset.config
      #expect((config.baseRate, config.weightDecay, config.emaMomentum) == (0.2, 1.5e-6, 0.996))
      #expect((config.epochs, config.warmupEpochs) == (1000, 10))
    }
    // base · global batch / 256
    #expect(try Preset.named("scrl-200ep").config.scaledRate == 0.45 * 32)
  }
}

@Suite("Schedules")
struct SchedulesTests {
  @Test("epochs and the dataset give the length; the last incomplete batch is dropped")
  func lengths() throws {
    var config = try Preset.named("scrl-200ep").config
    config.batch = 32
    let schedules = try Schedules(config, samples: 1000)
    #expect(schedules.stepsPerEpoch == 31)
    #expect(schedules.totalSteps == 31 * 200)
    #expect(schedules.rate.warmupSteps == 310)
    // The step that ends warm-up runs at the full rate: base · batch / 256.
    #expect(schedules.rate.rate(step: 310) == 0.45 * 32 / 256)
    #expect(schedules.ema.momentum(step: 0) == 0.97)
  }

  @Test("train.steps sets the length, and warm-up is at most a tenth of it")
  func steps() throws {
    var config = try Preset.named("scrl-200ep").config
    (config.batch, config.steps) = (32, 100)
    let schedules = try Schedules(config, samples: 1000)
    #expect(schedules.totalSteps == 100)
    #expect(schedules.rate.warmupSteps == 10)
  }
}
