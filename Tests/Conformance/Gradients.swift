// Loss and every gradient for given features: pooling → projector → predictor → loss, against
// PyTorch in float64.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor
import TestReference

func gradientRows(_ table: Table, _ folder: Fixtures, _ engine: any Engine) throws {
  let boxes = try folder.array("loss_boxes")
  let regions = (0..<boxes.shape[0]).map { k in
    let b = boxes.row(k).map { Float($0) }
    return RegionBox(image: Int(b[0]), x0: b[1], y0: b[2], x1: b[3], y1: b[4])
  }
  for (name, fixture, cells) in [
    ("SCRL, 1×1 cells", "loss_scrl", 1), ("SCRL, 2×2 cells", "loss_cells", 2),
    ("BYOL", "loss_byol", 0),
  ] {
    let reference = try folder.array(fixture).doubles
    let ours = try losses(cells: cells, regions, engine)
    table.row(
      engine: engine.name, "\(name): loss of given features", ours.loss, reference[0], within: 4e-6,
      "a cosine of 24 Float32 terms: 16·2⁻²⁴ on values up to 4")
    var start = 1
    var worst = (error: 0.0, name: "")
    for (place, part) in ours.gradients.enumerated() {
      let error = relativeError(part.values, reference[start..<start + part.values.count])
      start += part.values.count
      if place == 0 {
        table.row(
          engine: engine.name, "\(name): d(features), relative L2", error, 0, within: 1e-5,
          "some 100 roundings of 2⁻²⁴ through two BatchNorms over 48 (8) rows")
      } else if part.name != "projector.fc1.bias", part.name != "predictor.fc1.bias",
        error > worst.error
      {
        worst = (error, part.name)
      }
    }
    table.row(
      engine: engine.name, "\(name): d(head parameters), worst: \(worst.name)", worst.error, 0,
      within: 1e-5, "as above; d(fc1.bias) is 0: a BatchNorm follows")
  }
}

private struct Outcome {
  let loss: Double
  let gradients: [(name: String, values: [Float])]  // of the features, then of the parameters
}

private func losses(
  cells: Int, _ regions: [RegionBox], _ engine: any Engine
) throws -> Outcome {
  let inputs = 32 * max(cells * cells, 1)
  func head(_ prefix: String, _ inputs: Int) throws -> Head {
    var source = WeightSource(zeros: engine)
    let head = try Head(inputs: inputs, hidden: 48, outputs: 24, &source)
    for entry in head.contents(prefix: prefix).state {
      let shape = entry.tensor.plainShape
      let (centre, spread) = recipe(entry.name, shape)
      try entry.tensor.assign(plain: hashed(entry.name, shape, centre: centre, spread: spread))
    }
    return head
  }
  let (projector, predictor) = (try head("projector.", inputs), try head("predictor.", 24))
  let targetProjector = try head("target.", inputs)
  func pooled(_ x: Activation, _ pass: Pass) throws -> Activation {
    if cells == 0 { return try pass.globalAveragePool(x) }
    let options = try RoIAlignOptions(
      outputHeight: cells, outputWidth: cells, spatialScale: 1.0 / 32, samplingRatio: -1,
      aligned: false)
    return try pass.flatten(try pass.roiAlign(x, boxes: regions, options))
  }
  func features(_ name: String) throws -> Tensor {
    try hashed(name, [8, 32, 7, 7], spread: 1)
      .blocked(engine.channelBlock(for: 32), workers: engine.workers)
  }
  let tape = Tape()
  let online = Pass(engine: engine, tape: tape, mode: .training)
  let target = Pass(engine: engine, mode: .training)
  let slot = GradientSlot()
  let x = Activation(try features("features"), slot: slot)
  let q = try predictor.forward(try projector.forward(try pooled(x, online), online), online)
  let y = Activation(try features("target features"))
  let t = try targetProjector.forward(try pooled(y, target), target).value(engine)
  let loss = try online.cosineRegressionLoss(q, target: t)
  try tape.backward(engine)
  guard let dx = try slot.take(engine) else {
    throw ScrlError(.internal, "no gradient reached the features")
  }
  var gradients = [("features", try dx.plain(workers: engine.workers).array)]
  for entry in projector.contents(prefix: "projector.").parameters
    + predictor.contents(prefix: "predictor.").parameters
  {
    gradients.append((entry.name, try entry.parameter.plain(entry.parameter.gradientSum()).array))
  }
  return Outcome(loss: loss, gradients: gradients)
}
