// What a method requires of dataset and batch: classes, boxes, and what it means where some lack them.

import ScrlBase
import ScrlStore

extension Config {
  /// The config with `train.classes` settled: as set, or the dataset's.
  func withClasses(of dataset: DatasetReader?) throws(ScrlError) -> Config {
    guard usesLabels else { return self }
    let who = method.unit == .labels ? "method \(method.rawValue)" : "probe.online"
    var settled = self
    if let dataset {
      let known = dataset.labelledClassCount
      guard known > 0 else {
        throw ScrlError(
          .data, "train: \(dataset.path) has no labels · \(who) needs a class for each image")
      }
      guard classes == 0 || known <= classes else {
        throw ScrlError(
          .config, "train: the dataset has \(known) classes · train.classes is \(classes)")
      }
      if classes == 0 { settled.classes = known }
    }
    guard settled.classes >= 2 else {
      throw ScrlError(
        .config,
        "train: \(who) got \(settled.classes) classes · expected at least 2, from the dataset or "
          + "train.classes")
    }
    return settled
  }

  /// Refuses a batch that lacks what the method needs.
  func check(_ batch: Batch) throws(ScrlError) {
    guard usesLabels else { return }
    guard let labels = batch.labels else {
      throw ScrlError(.argument, "step: no labels · expected a class for each image, −1: none")
    }
    if let image = labels.firstIndex(where: { $0 >= classes }) {
      throw ScrlError(
        .argument, "step: image \(image) has label \(labels[image]) · expected below \(classes)")
    }
  }

  /// What the loss is a mean over, and how many images have no part in it.
  func pairs(in batch: Batch) -> (count: Int, imagesWithout: Int) {
    switch method.unit {
    case .regions: return (batch.boxes1.count, batch.images - Set(batch.boxes1.map(\.image)).count)
    case .views: return (batch.images, 0)
    case .labels:
      let labelled = (batch.labels ?? []).count { $0 >= 0 }
      return (labelled, batch.images - labelled)
    }
  }
}
