// What one step learns from: both views of N images in one tensor, their matched boxes, and
// their classes where a method wants them.

import ScrlBase
import ScrlKernels
import ScrlTensor

package struct Batch {
  package let views: Tensor  // (2N,3,S,S), engine layout; view 1 of every image, then view 2
  package let boxes1: [RegionBox]  // image index 0..<N
  package let boxes2: [RegionBox]  // image index N..<2N; row k is the region of boxes1[k]
  package let labels: [Int]?  // class of each image, negative: none; nil: nobody told
  package let epoch: Int
  package let unreadable: Int  // images of the step that are not in it

  package var images: Int { views.shape[0] / 2 }
  package var boxes: [RegionBox] { boxes1 + boxes2 }
  /// The class of each view: both views share their image's.
  package var viewLabels: [Int]? { labels.map { $0 + $0 } }

  package init(
    views: Tensor, boxes1: [RegionBox], boxes2: [RegionBox], labels: [Int]?, epoch: Int,
    unreadable: Int
  ) {
    self.views = views
    self.boxes1 = boxes1
    self.boxes2 = boxes2
    self.labels = labels
    self.epoch = epoch
    self.unreadable = unreadable
  }

  /// From views that a host made: each (N,3,S,S) plain, boxes of both with image index 0..<N.
  package init(
    view1: Tensor, view2: Tensor, boxes1: [RegionBox], boxes2: [RegionBox],
    labels: [Int]? = nil, engine: any Engine
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
    if let labels, labels.count != images {
      throw ScrlError(.shape, "step_on: got \(labels.count) labels · expected \(images)")
    }
    for box in boxes1 + boxes2 where !(0..<images).contains(box.image) {
      throw ScrlError(
        .argument, "step_on: box of image \(box.image) · expected 0..<\(images)")
    }
    let views = try Tensor(uninitialized: [2 * images] + view1.shape.dropFirst())
    views.pointer.update(from: view1.pointer, count: view1.count)
    (views.pointer + view1.count).update(from: view2.pointer, count: view2.count)
    self.init(
      views: try views.blocked(engine.channelBlock(for: 3), workers: engine.workers),
      boxes1: boxes1, boxes2: boxes2.map { $0.moved(to: $0.image + images) }, labels: labels,
      epoch: 0, unreadable: 0)
  }
}

extension RegionBox {
  package func moved(to image: Int) -> RegionBox {
    RegionBox(image: image, x0: x0, y0: y0, x1: x1, y1: y1)
  }
}
