// The length of a run and what changes along it.

import ScrlBase
import ScrlNN

package struct Schedules: Equatable, Sendable {
  package let stepsPerEpoch: Int
  package let totalSteps: Int
  package let rate: RateSchedule
  package let ema: MomentumSchedule

  /// - Parameter samples: images of the dataset; nil without one: an epoch is then one step.
  package init(_ config: Config, samples: Int?) throws(ScrlError) {
    stepsPerEpoch = samples.map { max(1, $0 / config.batch) } ?? 1
    let (byEpochs, overflow) = stepsPerEpoch.multipliedReportingOverflow(by: config.epochs)
    guard !overflow else {
      throw ScrlError(.config, "config: train.epochs \(config.epochs) overflow the step count")
    }
    totalSteps = config.steps > 0 ? config.steps : byEpochs
    let warmup = config.warmupEpochs * stepsPerEpoch
    rate = try RateSchedule(
      base: config.scaledRate,
      warmupSteps: config.steps > 0 ? min(warmup, totalSteps / 10) : warmup,
      totalSteps: totalSteps)
    ema = try MomentumSchedule(start: config.emaMomentum, totalSteps: totalSteps)
  }
}
