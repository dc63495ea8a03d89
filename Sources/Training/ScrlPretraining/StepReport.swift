// What a step of pretraining did.

import ScrlBase
import ScrlTraining

package struct StepReport: Sendable {
  package var didStep: Bool
  package var step: Int  // steps done, this one included
  package var totalSteps: Int
  package var epoch: Int
  package var loss: Double  // mean over box pairs, in [0, 8]; supervised: cross entropy
  package var learningRate: Double  // as used in this step
  package var emaMomentum: Double
  package var boxes: Int  // pairs in the loss: boxes, or whole images
  package var skipped: Int  // images left out
  package var stepsSkipped: Int  // of the run so far: nothing to learn from in their batch
  package var probeLoss: Double  // cross entropy of the online probe; 0 without one
  package var accuracy: Double  // of probe or classifier on this step's views; NaN without labels
  package var seconds: Double
  package var waitSeconds: Double
  package var health: Health?  // nil: this step did not look
}

extension StepReport: TaskReport {
  package static let columns = [
    "step", "epoch", "loss", "learning_rate", "ema_momentum", "boxes", "skipped",
    "probe_loss", "accuracy",
  ]

  package var row: [Double] {
    [
      Double(step), Double(epoch), didStep ? loss : .nan, learningRate, emaMomentum,
      Double(boxes), Double(skipped), probeLoss, accuracy,
    ]
  }

  package func jsonLine(batch: Int) -> String {
    let rate = seconds > 0 ? Double(batch) / seconds : 0
    let judged = accuracy.isNaN ? "" : "\"probe_loss\": \(probeLoss), \"accuracy\": \(accuracy), "
    return "{\"step\": \(step), \"epoch\": \(epoch), \"loss\": \(didStep ? "\(loss)" : "null"), "
      + "\"learning_rate\": \(learningRate), \"ema_momentum\": \(emaMomentum), "
      + "\"boxes\": \(boxes), \"skipped\": \(skipped), \(judged)\(health?.json ?? "")"
      + "\"seconds\": \(seconds), "
      + "\"wait_seconds\": \(waitSeconds), \"images_per_second\": \(rate)}"
  }
}

extension Health {
  /// Its part of a line, with a comma at the end; null where a number could not be had.
  fileprivate var json: String {
    func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
    let sign = collapse.map { "\"\($0.rawValue)\"" } ?? "null"
    return "\"deviation\": \(number(deviation)), \"effective_rank\": \(number(effectiveRank)), "
      + "\"positive_similarity\": \(number(positive)), "
      + "\"negative_similarity\": \(number(negative)), \"collapse\": \(sign), "
  }
}
