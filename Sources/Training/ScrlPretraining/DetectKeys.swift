// The keys of a detector: detect.*.

import ScrlBase

extension ConfigKey {
  static let detection: [ConfigKey] = [
    choice(
      "detect.kind", \.detect.kind, "boxes alone (Faster R-CNN), or boxes and masks (Mask R-CNN)"),
    integer(
      "detect.classes", \.detect.classes, 0...100_000, "classes of the boxes; 0: the dataset's"),
    integer("detect.batch", \.detect.batch, 1...4096, "images per step"),
    integer(
      "detect.epochs", \.detect.epochs, 1...1_000_000,
      "passes over the images that are learnt from"),
    integer(
      "detect.steps", \.detect.steps, 0...1_000_000_000,
      "length of the schedule in steps; 0: from detect.epochs"),
    real(
      "detect.base_lr", \.detect.baseRate, 0...1000, "learning rate at batch 16, scaled linearly"),
    integer(
      "detect.warmup_steps", \.detect.warmupSteps, 0...1_000_000_000,
      "steps of linear warm-up from a thousandth of the rate; at most a tenth of the schedule"),
    list(
      "detect.milestones", \.detect.milestones, 0...1_000_000_000, counts: 1...16,
      "where the rate falls to a tenth: shares of the schedule below 1, or steps"),
    real("detect.momentum", \.detect.momentum, 0...0.9999, "momentum of SGD"),
    real("detect.weight_decay", \.detect.weightDecay, 0...1, "L2 penalty on all but the norms"),
    real(
      "detect.clip", \.detect.clip, 0...1_000_000,
      "longest gradient over all weights, scaled down to it; 0: never"),
    list(
      "detect.min_size", \.detect.minSizes, 16...4096, counts: 1...64,
      "pixels of an image's shorter side in training; of several one is drawn per image"),
    integer(
      "detect.max_size", \.detect.maxSize, 16...8192, "pixels of its longer side, at most"),
    integer("detect.test_size", \.detect.testSize, 16...4096, "the shorter side in inference"),
    boolean("detect.flip", \.detect.flips, "mirrors half of the images in training"),
    boolean(
      "detect.empty", \.detect.empty,
      "images without any box take part in training, as background; false: they are left out"),
    choice(
      "detect.norm", \.detect.norm,
      "the backbone's BatchNorms: constants as they came, or trained on each batch's statistics"),
    integer(
      "detect.freeze_at", \.detect.freezeAt, 0...5,
      "what of the backbone keeps its weights: 0 nothing, 1 the stem, 2 and layer1, … 5 all"),
    integer("detect.channels", \.detect.channels, 8...1024, "channels of the feature pyramid"),
    integer("detect.fc", \.detect.boxHidden, 8...8192, "hidden units of the box head"),
    integer(
      "detect.mask_channels", \.detect.maskChannels, 8...1024, "channels of the mask head"),
    integer(
      "detect.anchor_size", \.detect.anchorSize, 1...1024,
      "side of the anchors of the finest level in pixels; each level doubles it"),
    integer(
      "detect.canonical_size", \.detect.canonicalSize, 1...4096,
      "side of a box that is pooled from the third level, P4; twice the side, a level coarser"),
    integer(
      "detect.before_nms", \.detect.beforeNMS, 1...100_000,
      "best proposals of each level that are compared in training"),
    integer(
      "detect.before_nms_test", \.detect.beforeNMSInTest, 1...100_000, "the same in inference"),
    integer("detect.proposals", \.detect.proposals, 1...100_000, "proposals left of an image"),
    integer(
      "detect.anchor_samples", \.detect.anchorSamples, 2...100_000,
      "anchors of an image in the loss, at most half of them on objects"),
    integer(
      "detect.region_samples", \.detect.regionSamples, 4...100_000,
      "proposals of an image in the loss, at most a quarter of them on objects"),
    real(
      "detect.score_threshold", \.detect.scoreThreshold, 0...1, "a detection scores more than this"),
    real(
      "detect.nms_threshold", \.detect.overlapThreshold, 0...1,
      "IoU above which the lower of two detections of a class is dropped"),
    integer(
      "detect.max_detections", \.detect.maxDetections, 1...10_000, "detections of an image"),
  ]

  var isDetection: Bool { name.hasPrefix("detect.") }

  /// Whether a detector's result depends on the key.
  var concernsDetector: Bool {
    isDetection || name.hasPrefix("model.") || name.hasPrefix("compute.") || name == "seed"
  }
}
