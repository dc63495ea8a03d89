// Which keys may change when a run goes on, and why the others may not.

import ScrlBase

/// Keys with their new values as text, in the order given.
package typealias ConfigChanges = [(key: String, value: String)]

extension ConfigKey {
  /// Why a resumed run keeps its value; nil: it may change.
  package var fixedBecause: String? {
    if ConfigKey.changing.contains(name) { return nil }
    let reason = ConfigKey.reasons.first { name == $0.key || name.hasPrefix($0.key + ".") }
    return reason?.why ?? "it decides what each step computes"
  }

  /// How long a run is, how fast it learns; where and how fast it is computed and kept; and what of
  /// a detector only shows when it is used. Schedules are made anew over the whole new length.
  private static let changing: Set<String> = [
    "train.epochs", "train.steps", "train.warmup_epochs", "optimizer.base_lr",
    "detect.epochs", "detect.steps", "detect.warmup_steps", "detect.milestones", "detect.base_lr",
    "threads", "compute.backend", "loader.threads", "loader.prefetch",
    "checkpoint.every", "checkpoint.keep", "checkpoint.minutes", "health.every",
    "detect.test_size", "detect.before_nms_test", "detect.score_threshold",
    "detect.nms_threshold", "detect.max_detections",
  ]

  /// The first that fits: a key, or the group that it is in.
  private static let reasons: [(key: String, why: String)] = [
    ("model", "the weights have its form"),
    ("head", "the weights have its form"),
    ("roi.pool_size", "the weights have its form"),
    ("train.classes", "the weights have its form"),
    ("detect.kind", "the weights have its form"),
    ("detect.classes", "the weights have its form"),
    ("detect.channels", "the weights have its form"),
    ("detect.fc", "the weights have its form"),
    ("detect.mask_channels", "the weights have its form"),
    ("method", "the weights are what it learns"),
    ("probe", "the weights are what it learns"),
    ("train.batch", "steps are counted in batches of it"),
    ("detect.batch", "steps are counted in batches of it"),
    ("seed", "the order, views and boxes of every step are drawn from it"),
    ("detect.norm", "the optimiser's momentum is of the weights that it trains"),
    ("detect.freeze_at", "the optimiser's momentum is of the weights that it trains"),
  ]
}

extension Config {
  /// A saved run's config with what a host changes of it. A key given its saved value is no change.
  package func changed(by changes: ConfigChanges, detector: Bool) throws(ScrlError) -> Config {
    var config = self
    for (name, value) in changes {
      let key = try ConfigKey.named(name)
      try config.set(name, value)
      let (saved, got) = (key.read(self), key.read(config))
      guard saved != got else { continue }
      if let reason = key.fixedBecause {
        throw ScrlError(
          .config,
          "resume: \(name) is \(saved) in this run, got \(got) · expected no change: \(reason)")
      }
      guard !key.shapesResult || key.isDetection == detector else {
        throw ScrlError(
          .config,
          "resume: \(name) means nothing to "
            + (detector
              ? "a detector · expected a key of detect.*" : "pretraining · expected another key"))
      }
    }
    if !changes.isEmpty { try config.check() }
    return config
  }
}
