// What changes from step to step: the learning rate and the target's momentum.

import Glibc
import ScrlBase

package enum RateRule: String, CaseIterable, Sendable {
  case linear  // base · global batch / 256 (Goyal et al. 2017)
  case none  // base

  package func rate(base: Double, globalBatch: Int) -> Double {
    self == .linear ? base * Double(globalBatch) / 256 : base
  }
}

/// Linear warm-up per step, then half a cosine down to 0 at the last step.
package struct RateSchedule: Equatable, Sendable {
  package let base: Double
  package let warmupSteps: Int
  package let totalSteps: Int

  package init(base: Double, warmupSteps: Int, totalSteps: Int) throws(ScrlError) {
    guard base >= 0, base.isFinite, warmupSteps >= 0, totalSteps > 0 else {
      throw ScrlError(
        .config,
        "rate schedule: got base \(base), \(warmupSteps) warm-up of \(totalSteps) steps · "
          + "expected base ≥ 0, warm-up ≥ 0, at least one step")
    }
    self.base = base
    self.warmupSteps = warmupSteps
    self.totalSteps = totalSteps
  }

  /// The rate of a step, counted from 1: the schedule moves before the optimiser uses it.
  package func rate(step: Int) -> Double {
    if step <= warmupSteps, warmupSteps > 0 {
      return base * Double(step) / Double(warmupSteps)
    }
    guard step < totalSteps else { return 0 }
    let progress = Double(step - warmupSteps) / Double(totalSteps - warmupSteps)
    return base * (1 + cos(.pi * progress)) / 2
  }
}

/// Detectron2's: linear warm-up from a thousandth of the rate, then a tenth of it at each milestone.
package struct StepSchedule: Equatable, Sendable {
  package let base: Double
  package let warmupSteps: Int
  package let milestones: [Int]  // steps done when the rate falls
  package let totalSteps: Int

  package init(
    base: Double, warmupSteps: Int, milestones: [Int], totalSteps: Int
  ) throws(ScrlError) {
    guard base >= 0, base.isFinite, warmupSteps >= 0, totalSteps > 0 else {
      throw ScrlError(
        .config,
        "step schedule: got base \(base), \(warmupSteps) warm-up of \(totalSteps) steps · "
          + "expected base ≥ 0, warm-up ≥ 0, at least one step")
    }
    self.base = base
    self.warmupSteps = warmupSteps
    self.milestones = milestones
    self.totalSteps = totalSteps
  }

  /// The rate of a step, counted from 1.
  package func rate(step: Int) -> Double {
    let done = step - 1
    var rate = base
    for milestone in milestones where done >= milestone { rate *= 0.1 }
    guard done < warmupSteps else { return rate }
    let progress = Double(done) / Double(warmupSteps)
    return rate * (0.001 * (1 - progress) + progress)
  }
}

/// The target's momentum: from `start` to 1 along half a cosine (Grill et al. 2020, section 3.2).
package struct MomentumSchedule: Equatable, Sendable {
  package let start: Double
  package let totalSteps: Int

  package init(start: Double, totalSteps: Int) throws(ScrlError) {
    guard (0...1).contains(start), totalSteps > 0 else {
      throw ScrlError(
        .config,
        "ema schedule: got \(start) over \(totalSteps) steps · expected 0…1, at least one step")
    }
    self.start = start
    self.totalSteps = totalSteps
  }

  /// The momentum after a step, counted from 0.
  package func momentum(step: Int) -> Double {
    let progress = Double(min(step, totalSteps)) / Double(totalSteps)
    return 1 - (1 - start) * (cos(.pi * progress) + 1) / 2
  }
}
