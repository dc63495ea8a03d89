// Which images of a dataset a detector learns from: those with a box that has a class, is no crowd
// and not marked difficult (Detectron2's filter_empty and filter_crowd; it learns difficult ones too).
// With detect.empty also those without any box, as background. An image whose boxes are all crowds,
// difficult or without a class shows things: it is neither, and always left out.

import ScrlBase
import ScrlImage
import ScrlStore

package struct DetectionSamples: Sendable {
  package let dataset: DatasetReader
  package let images: [Int]  // of the dataset, ascending
  package let emptyCount: Int  // images without any box, whether learnt from or not
  package let takesEmpty: Bool  // whether they are
  package let vagueCount: Int  // images left out for boxes that are all crowds, difficult, no class
  package let boxCount: Int
  package let maskCount: Int
  package let classCount: Int  // the names, or up to the largest label
  /// Identity of the annotations; the images' is DatasetReader.fingerprint.
  package let fingerprint: UInt64

  /// - Parameter empty: whether images without any box are learnt from.
  package init(_ dataset: DatasetReader, empty: Bool = false) throws(ScrlError) {
    self.dataset = dataset
    var (images, boxCount, maskCount, largest) = ([Int](), 0, 0, -1)
    var (emptyCount, vagueCount) = (0, 0)
    var hash = AnnotationHash()
    for index in 0..<dataset.count {
      let boxes = dataset.boxes(of: index)
      hash.add(boxes)
      for box in boxes { try box.checkLabel(image: index) }
      let learnt = boxes.filter(\.isLearnt)
      if boxes.isEmpty { emptyCount += 1 } else if learnt.isEmpty { vagueCount += 1 }
      guard !learnt.isEmpty || boxes.isEmpty && empty else { continue }
      images.append(index)
      boxCount += learnt.count
      maskCount += learnt.count { $0.mask != nil }
      largest = max(largest, learnt.map { Int($0.label) }.max() ?? -1)
    }
    guard boxCount > 0 else {
      throw ScrlError(
        .data,
        "detector: \(dataset.path) has nothing to learn from: "
          + "\(dataset.whyNoObject(unused: [.crowd, .difficult])) · expected boxes with a class that "
          + "are neither")
    }
    (self.images, self.boxCount, self.maskCount) = (images, boxCount, maskCount)
    (self.emptyCount, self.vagueCount, takesEmpty) = (emptyCount, vagueCount, empty)
    classCount = max(dataset.classes.count, largest + 1)
    fingerprint = hash.value
  }

  /// Whether an image is learnt from as background.
  func isEmpty(_ index: Int) -> Bool { dataset.boxes(of: index).isEmpty }

  /// What is left out, for whoever starts a training.
  package func tellLeftOut() {
    if emptyCount > 0, !takesEmpty {
      Log.shared.note(
        "detector: \(emptyCount) images without objects are left out · detect.empty=true trains on "
          + "them as background")
    }
    if vagueCount > 0 {
      Log.shared.note(
        "detector: \(vagueCount) images are left out: their boxes are all crowds, difficult, or "
          + "without a class")
    }
  }

  /// What the image's boxes become when it is resized; what is left outside, or without a pixel of
  /// its mask, is dropped (Detectron2's filter_empty_instances).
  func targets(of index: Int, _ fit: Fit, masks wanted: Bool) throws(ScrlError) -> ImageTargets {
    var boxes: [PixelBox] = []
    var labels: [Int] = []
    var masks: [RunLengths?] = []
    for box in dataset.boxes(of: index) where box.isLearnt {
      let place = fit.place(PixelBox(x0: box.x0, y0: box.y0, x1: box.x1, y1: box.y1))
      guard place.x1 - place.x0 > 1e-5, place.y1 - place.y0 > 1e-5 else { continue }
      var mask: RunLengths?
      if wanted, let text = box.mask {
        let whole = try RunLengths(
          compressed: text, height: fit.source.height, width: fit.source.width)
        let placed = try fit.place(whole)
        guard placed.area > 0 else { continue }
        mask = placed
      }
      boxes.append(place)
      labels.append(Int(box.label))
      masks.append(mask)
    }
    return ImageTargets(boxes: boxes, labels: labels, masks: masks)
  }
}

extension AnnotatedBox {
  fileprivate var isLearnt: Bool { label >= 0 && !isCrowd && !isDifficult }
}

/// FNV's steps over words of 64 bits.
private struct AnnotationHash {
  private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ boxes: [AnnotatedBox]) {
    add(UInt64(boxes.count))
    for box in boxes {
      for side in [box.x0, box.y0, box.x1, box.y1] { add(UInt64(side.bitPattern)) }
      add(UInt64(UInt32(bitPattern: box.label)) << 8 | UInt64(box.flags.rawValue))
      add(UInt64(CRC32C.of(Array((box.mask ?? "").utf8))))
    }
  }

  private mutating func add(_ word: UInt64) {
    value = (value ^ word) &* 0x100_0000_01B3
    value ^= value >> 32
  }
}
