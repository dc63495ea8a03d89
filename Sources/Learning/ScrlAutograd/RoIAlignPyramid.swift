// RoIAlign over the maps of a feature pyramid: each box is pooled from the map of its level.
// Maps (N,C,H_l,W_l), K boxes → y (K,C,P,P), in the order of the boxes.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension Pass {
  /// - Parameters:
  ///   - levelOfBox: for each box, whose map it is pooled from.
  ///   - options: of each level; they differ in the spatial scale.
  package func roiAlignPyramid(
    _ levels: [Activation], boxes: [RegionBox], levelOfBox: [Int], _ options: [RoIAlignOptions]
  ) throws(ScrlError) -> Activation {
    let parts = try pyramidParts(levels, boxes, levelOfBox, options)
    guard let first = parts.first else {
      throw ScrlError(.shape, "roi_align: got no level · expected one or more")
    }
    let y = try Tensor(
      uninitialized: first.options.outputShape(boxes.count, first.shape),
      layout: .blocked(first.shape.block))
    for (part, level) in zip(parts, levels) where !part.boxes.isEmpty {
      try engine.roiAlign(
        try level.value(engine), boxes: part.boxes, part.options, into: y, rows: part.rows)
    }
    let slot = levels.contains { $0.slot != nil } ? newSlot() : nil
    if let tape, let slot { tape.record(RoIAlignPyramidOp(parts: parts, output: slot)) }
    return Activation(y, slot: slot)
  }

  private func pyramidParts(
    _ levels: [Activation], _ boxes: [RegionBox], _ levelOfBox: [Int],
    _ options: [RoIAlignOptions]
  ) throws(ScrlError) -> [PyramidPart] {
    guard levels.count == options.count, boxes.count == levelOfBox.count,
      levelOfBox.allSatisfy(levels.indices.contains)
    else {
      throw ScrlError(
        .shape,
        "roi_align: got \(levels.count) levels, \(options.count) options, \(boxes.count) boxes, "
          + "levels \(levelOfBox.min() ?? 0)…\(levelOfBox.max() ?? 0) of \(levelOfBox.count) · "
          + "expected options for each level and one of the levels for each box")
    }
    var parts: [PyramidPart] = []
    for (level, options) in zip(levels, options) {
      let shape = try ActivationShape("roi_align", level.shape, level.source.layout)
      parts.append(PyramidPart(options: options, shape: shape, input: level.slot))
    }
    for (row, level) in levelOfBox.enumerated() {
      parts[level].boxes.append(boxes[row])
      parts[level].rows.append(row)
    }
    return parts
  }
}

/// The boxes of one level.
private struct PyramidPart {
  let options: RoIAlignOptions
  let shape: ActivationShape  // of the map; the bilinear weights follow from it and the boxes
  let input: GradientSlot?
  var boxes: [RegionBox] = []
  var rows: [Int] = []  // of y

  init(options: RoIAlignOptions, shape: ActivationShape, input: GradientSlot?) {
    (self.options, self.shape, self.input) = (options, shape, input)
  }
}

private struct RoIAlignPyramidOp: TapeOp {
  let parts: [PyramidPart]
  let output: GradientSlot

  /// A map of which no box was pooled receives nothing.
  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let dy = try output.take(engine) else { return }
    for part in parts where !part.boxes.isEmpty {
      guard let input = part.input else { continue }
      let dx = try engine.roiAlignBackward(
        dy, rows: part.rows, boxes: part.boxes, part.options, like: part.shape)
      try input.receive(dx, engine)
    }
  }
}
