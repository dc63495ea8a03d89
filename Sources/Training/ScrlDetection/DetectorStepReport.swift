// What a step of a detector's training did.

import ScrlBase
import ScrlTraining

package struct DetectorStepReport: Sendable {
  package var didStep: Bool  // false: none of the images could be used
  package var step: Int  // steps done, this one included
  package var totalSteps: Int
  package var epoch: Int
  package var losses = DetectionLosses()
  package var learningRate: Double  // as used in this step
  package var gradientNorm = 0.0  // over all weights, before clipping
  package var boxes: Int
  package var skipped: Int  // images left out
  package var stepsSkipped = 0  // of the run so far: no image could be used
  package var seconds = 0.0
  package var waitSeconds = 0.0
}

extension DetectorStepReport: TaskReport {
  package static let columns = [
    "step", "epoch", "loss", "rpn_objectness", "rpn_box", "classification", "box", "mask",
    "learning_rate", "gradient_norm", "boxes", "skipped",
  ]

  package var row: [Double] {
    [
      Double(step), Double(epoch), didStep ? losses.total : .nan, losses.rpnObjectness,
      losses.rpnBox, losses.classification, losses.box, losses.mask, learningRate, gradientNorm,
      Double(boxes), Double(skipped),
    ]
  }

  package func jsonLine(batch: Int) -> String {
    let rate = seconds > 0 ? Double(batch) / seconds : 0
    return "{\"step\": \(step), \"epoch\": \(epoch), "
      + "\"loss\": \(didStep ? "\(losses.total)" : "null"), "
      + "\"rpn_objectness\": \(losses.rpnObjectness), \"rpn_box\": \(losses.rpnBox), "
      + "\"classification\": \(losses.classification), \"box\": \(losses.box), "
      + "\"mask\": \(losses.mask), \"learning_rate\": \(learningRate), "
      + "\"gradient_norm\": \(gradientNorm), \"boxes\": \(boxes), \"skipped\": \(skipped), "
      + "\"seconds\": \(seconds), \"wait_seconds\": \(waitSeconds), "
      + "\"images_per_second\": \(rate)}"
  }
}
