// RoIAlign (He et al. 2017, section 3), torchvision's roi_align: every output cell is the mean of
// bilinear samples of its part of the box.
// Letters: N images, C channels in blocks of b, H×W cells, K boxes, P×Q output cells.
// Boxes are in input pixels (x0, y0, x1, y1). Not here: box sampling, clipping.

import ScrlBase
import ScrlTensor

extension Engine {
  package func roiAlign(
    _ x: Tensor, boxes: [RegionBox], _ options: RoIAlignOptions
  ) throws(ScrlError) -> Tensor {
    let shape = try x.rowsShape("roi_align")
    let y = try Tensor(
      uninitialized: options.outputShape(boxes.count, shape), layout: .blocked(shape.block))
    try roiAlign(x, boxes: boxes, options, into: y, rows: Array(boxes.indices))
    return y
  }

  package func roiAlignBackward(
    _ dy: Tensor, boxes: [RegionBox], _ options: RoIAlignOptions, like shape: ActivationShape
  ) throws(ScrlError) -> Tensor {
    guard dy.shape.first == boxes.count else {
      throw ScrlError(
        .shape, "roi_align_backward: got \(dy.shape) · expected \(boxes.count) boxes")
    }
    return try roiAlignBackward(
      dy, rows: Array(boxes.indices), boxes: boxes, options, like: shape)
  }

  package func roiAlign(
    _ x: Tensor, boxes: [RegionBox], _ options: RoIAlignOptions, into y: Tensor, rows: [Int]
  ) throws(ScrlError) {
    let shape = try x.rowsShape("roi_align")
    try expectBoxes(boxes, options, shape)
    try expectRows("roi_align", y, rows, boxes.count, options, shape)
    let (from, to, block) = (x.pointer, y.pointer, shape.block)
    let outputCells = options.outputHeight * options.outputWidth
    workers.run(boxes.count) { k in
      let bins = BoxBins(boxes[k], options, shape)
      for channelBlock in 0..<shape.blocks {
        let x = from + shape.offset(image: boxes[k].image, block: channelBlock, cell: 0)
        let y = to + (rows[k] * shape.blocks + channelBlock) * outputCells * block
        bins.gather(x, block, into: y)
      }
    }
  }

  /// A task owns some blocks of one image's dx and adds the image's boxes in their order.
  package func roiAlignBackward(
    _ dy: Tensor, rows: [Int], boxes: [RegionBox], _ options: RoIAlignOptions,
    like shape: ActivationShape
  ) throws(ScrlError) -> Tensor {
    guard shape.block > 0, shape.cells > 0 else {
      throw ScrlError(.shape, "roi_align_backward: got \(shape) · expected cells and channels")
    }
    try expectBoxes(boxes, options, shape)
    try expectRows("roi_align_backward", dy, rows, boxes.count, options, shape)
    let result = try Tensor(
      uninitialized: [shape.images, shape.channels, shape.height, shape.width],
      layout: .blocked(shape.block))
    let (from, to, block) = (dy.pointer, result.pointer, shape.block)
    let outputCells = options.outputHeight * options.outputWidth
    var boxesOfImage = [[Int]](repeating: [], count: shape.images)
    for (k, box) in boxes.enumerated() { boxesOfImage[box.image].append(k) }
    let run = max(1, 32_768 / (shape.cells * block))  // blocks of one task
    let runs = (shape.blocks + run - 1) / run
    workers.run(shape.images * runs) { task in
      let image = task / runs
      let first = task % runs * run
      let channelBlocks = first..<min(first + run, shape.blocks)
      let dx = to + image * shape.blocks * shape.cells * block
      (dx + first * shape.cells * block).update(
        repeating: 0, count: channelBlocks.count * shape.cells * block)
      for k in boxesOfImage[image] {
        let bins = BoxBins(boxes[k], options, shape)
        let dy = from + rows[k] * shape.blocks * outputCells * block
        for channelBlock in channelBlocks {
          bins.scatter(
            dy + channelBlock * outputCells * block, block,
            into: dx + channelBlock * shape.cells * block)
        }
      }
    }
    return result
  }
}

extension RoIAlignOptions {
  /// Of so many boxes' cells on a map.
  package func outputShape(_ boxes: Int, _ map: ActivationShape) -> [Int] {
    [boxes, map.channels, outputHeight, outputWidth]
  }
}

/// Each box has a row of the tensor of all boxes.
private func expectRows(
  _ operation: String, _ tensor: Tensor, _ rows: [Int], _ boxes: Int, _ options: RoIAlignOptions,
  _ shape: ActivationShape
) throws(ScrlError) {
  let count = tensor.shape.first ?? 0
  guard tensor.shape == options.outputShape(count, shape), tensor.layout == .blocked(shape.block),
    rows.count == boxes, rows.allSatisfy({ 0..<count ~= $0 })
  else {
    throw ScrlError(
      .shape,
      "\(operation): got \(tensor.shape) \(tensor.layout), \(rows.count) rows of it · expected "
        + "\(options.outputShape(boxes, shape)) or more boxes in blocks of \(shape.block), and a "
        + "row of it for each of \(boxes)")
  }
}

/// Bounds everything that a box can make large or undefined: coordinates, sample counts.
private func expectBoxes(
  _ boxes: [RegionBox], _ options: RoIAlignOptions, _ shape: ActivationShape
) throws(ScrlError) {
  var samples = 0.0
  for (k, box) in boxes.enumerated() {
    let corners = [box.x0, box.y0, box.x1, box.y1]
    guard box.image >= 0, box.image < shape.images else {
      throw ScrlError(
        .argument,
        "roi_align: box \(k) is of image \(box.image) · expected 0..<\(shape.images)")
    }
    let largest = corners.reduce(Float(0)) { max($0, $1.magnitude) }
    guard corners.allSatisfy({ $0.isFinite }), largest <= 1e6,
      Double(largest) * Double(options.spatialScale) <= 1e7
    else {
      throw ScrlError(
        .argument,
        "roi_align: box \(k) is \(corners) · expected finite coordinates of at most 1e6 pixels "
          + "and 1e7 cells")
    }
    if options.samplingRatio <= 0 {
      let sides = Double(max(box.x1 - box.x0, 0)) + Double(max(box.y1 - box.y0, 0))
      samples += sides * Double(options.spatialScale)
    }
    guard samples <= 1e8 else {
      throw ScrlError(
        .argument,
        "roi_align: boxes up to \(k) span \(samples) cells · expected at most 1e8, or a fixed "
          + "sampling ratio")
    }
  }
}
