// What one step learns from: both views of N images in one tensor, and their matched boxes.

import ScrlBase
import ScrlKernels
import ScrlTensor

package struct Batch {
  package let views: Tensor  // (2N,3,S,S), engine layout; view 1 of every image, then view 2
  package let boxes1: [RegionBox]  // image index 0..<N
  package let boxes2: [RegionBox]  // image index N..<2N; row k is the region of boxes1[k]
  package let epoch: Int
  package let skipped: Int  // images left out of the loss

  package var images: Int { views.shape[0] / 2 }
  package var boxes: [RegionBox] { boxes1 + boxes2 }

  package init(
    views: Tensor, boxes1: [RegionBox], boxes2: [RegionBox], epoch: Int, skipped: Int
  ) {
    self.views = views
    self.boxes1 = boxes1
    self.boxes2 = boxes2
    self.epoch = epoch
    self.skipped = skipped
  }

  /// From views that a host made: each (N,3,S,S) plain, boxes of both with image index 0..<N.
  package init(
    view1: Tensor, view2: Tensor, boxes1: [RegionBox], boxes2: [RegionBox], engine: any Engine
  ) throws(ScrlError) {
    guard view1.shape.count == 4, view1.shape == view2.shape, view1.shape[1] == 3,
      view1.count > 0
    else {
      throw ScrlError(
        .shape, "step_on: got views \(view1.shape) and \(view2.shape) · expected equal (N,3,S,S)")
    }
    guard boxes1.count == boxes2.count else {
      throw ScrlError(
        .shape, "step_on: \(boxes1.count) boxes in view 1, \(boxes2.count) in view 2")
    }
    let images = view1.shape[0]
    for box in boxes1 + boxes2 where !(0..<images).contains(box.image) {
      throw ScrlError(
        .argument, "step_on: box of image \(box.image) · expected 0..<\(images)")
    }
    let views = try Tensor(uninitialized: [2 * images] + view1.shape.dropFirst())
    views.pointer.update(from: view1.pointer, count: view1.count)
    (views.pointer + view1.count).update(from: view2.pointer, count: view2.count)
    let withBoxes = Set(boxes1.map(\.image)).count
    self.init(
      views: try views.blocked(engine.channelBlock(for: 3), workers: engine.workers),
      boxes1: boxes1, boxes2: boxes2.map { $0.moved(to: $0.image + images) }, epoch: 0,
      skipped: images - withBoxes)
  }
}

extension RegionBox {
  func moved(to image: Int) -> RegionBox {
    RegionBox(image: image, x0: x0, y0: y0, x1: x1, y1: y1)
  }
}
