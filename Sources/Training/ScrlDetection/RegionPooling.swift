// RoIAlign from the level of the pyramid that suits a box's size.

import ScrlAutograd
import ScrlBase
import ScrlImage
import ScrlKernels

extension DetectionNetwork {
  /// (K,C,P,P) of boxes of images.
  func pool(
    _ boxes: [(image: Int, box: PixelBox)], _ cells: Int, _ pyramid: [Activation], _ pass: Pass
  ) throws(ScrlError) -> Activation {
    let regions = boxes.map { image, box in
      RegionBox(image: image, x0: box.x0, y0: box.y0, x1: box.x1, y1: box.y1)
    }
    return try pass.roiAlignPyramid(
      Array(pyramid.prefix(DetectionOptions.pooledLevels)), boxes: regions,
      levelOfBox: boxes.map { pooledLevel($0.box, canonical: options.canonicalBox) },
      try options.pooling(cells))
  }
}

extension DetectionOptions {
  /// As Detectron2's ROIAlignV2, of P2…P5.
  fileprivate func pooling(_ cells: Int) throws(ScrlError) -> [RoIAlignOptions] {
    var levels: [RoIAlignOptions] = []
    for stride in strides.prefix(DetectionOptions.pooledLevels) {
      levels.append(
        try RoIAlignOptions(
          outputHeight: cells, outputWidth: cells, spatialScale: 1 / Float(stride),
          samplingRatio: 0, aligned: true))
    }
    return levels
  }
}
