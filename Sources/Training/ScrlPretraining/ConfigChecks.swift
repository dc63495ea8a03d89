// Which values contradict each other. Ranges of single keys are in ConfigKeys.swift.
// Letters: S side of a view, m smallest box side, t IoU threshold, L side of a box.

import ScrlBase
import ScrlNN

extension Config {
  /// Refuses values that contradict each other, with the reason.
  package func check() throws(ScrlError) {
    let hasRegions = method.unit == .regions
    if hasRegions {
      try checkRegions()
      try checkBoxCount()
    }
    guard steps > 0 || warmupEpochs < epochs else {
      throw refusal(
        "train.warmup_epochs is \(warmupEpochs) · expected less than train.epochs, \(epochs)")
    }
    guard (hasRegions ? boxesPerImage : 1) * batch > 1 else {
      throw refusal("train.batch \(batch) gives BatchNorm a single row · expected at least 2")
    }
    guard !(probeOnline && method.unit == .labels) else {
      throw refusal(
        "probe.online is true with method \(method.rawValue) · expected false: its classifier is trained "
          + "by the labels already")
    }
    guard classes != 1 else {
      throw refusal("train.classes is 1 · expected at least 2, or 0 for the dataset's")
    }
    try detect.check()
  }

  private func checkRegions() throws(ScrlError) {
    guard boxMinSize < viewSize else {
      throw refusal("boxes.min_size is \(boxMinSize) · expected less than views.size, \(viewSize)")
    }
    let stride = stem.stride(of: roiStage)
    guard stride <= viewSize else {
      throw refusal(
        "roi.stage \(roiStage.rawValue) has stride \(stride) · expected at most views.size, "
          + "\(viewSize)")
    }
    let inputs = architecture.channels(of: roiStage) * roiPoolSize * roiPoolSize
    guard inputs <= 1 << 18 else {
      throw refusal(
        "roi.pool_size \(roiPoolSize) on \(roiStage.rawValue) of \(architecture.rawValue) gives the "
          + "projector \(inputs) inputs · expected at most \(1 << 18)")
    }
  }

  private func checkBoxCount() throws(ScrlError) {
    guard boxIoUThreshold < 1 else { return }
    let room = boxCapacity
    guard boxesPerImage <= room else {
      throw refusal(
        "boxes.per_image is \(boxesPerImage) · expected at most \(room): a view of \(viewSize) pixels "
          + "holds about so many boxes of \(boxMinSize) pixels and more that overlap less than "
          + "\(boxIoUThreshold)")
    }
  }

  /// Boxes that fit into a view, generously. Two squares of side L that are d apart have IoU
  /// (L − d)/(L + d), below t when d > L(1 − t)/(1 + t); two concentric ones have it below t when
  /// their sides are √t apart. So: sides m, m/√t, m/t … along each axis, each on a lattice of its
  /// own; and twice as many per axis, for arrangements better than lattices. Exact for t = 0.
  private var boxCapacity: Int {
    var perAxis = 0
    var side = Double(boxMinSize)
    while side <= Double(viewSize) {
      let step = side * (1 - boxIoUThreshold) / (1 + boxIoUThreshold)
      perAxis += Int(min((Double(viewSize) - side) / step, 1e6)) + 1
      guard boxIoUThreshold > 0, perAxis < 1000 else { break }
      side /= boxIoUThreshold.squareRoot()
    }
    if boxIoUThreshold > 0 { perAxis *= 2 }
    return perAxis * perAxis
  }

  private func refusal(_ message: String) -> ScrlError { ScrlError(.config, "config: " + message) }
}
