// Rates and momenta at the places where schedules go wrong.

import ScrlBase
import TestSupport
import Testing

@testable import ScrlNN

@Suite("Schedules")
struct ScheduleTests {
  @Test("Warm-up is linear per step and its last step is exactly the base rate")
  func warmup() throws {
    let schedule = try RateSchedule(base: 0.45, warmupSteps: 30, totalSteps: 600)
    #expect(schedule.rate(step: 1) == 0.45 * 1 / 30)
    #expect(schedule.rate(step: 15) == 0.45 * 15 / 30)
    #expect(schedule.rate(step: 30) == 0.45)
    #expect(schedule.rate(step: 31) < 0.45)
  }

  // 1e-12: a cosine and four operations in float64 of numbers of order 1.
  @Test("After warm-up half a cosine: half the rate in the middle, 0 at the end and after")
  func cosine() throws {
    let schedule = try RateSchedule(base: 0.2, warmupSteps: 10, totalSteps: 110)
    #expect(abs(schedule.rate(step: 60) - 0.1) < 1e-12)
    #expect(abs(schedule.rate(step: 35) - 0.2 * (1 + 0.5.squareRoot()) / 2) < 1e-12)
    #expect(schedule.rate(step: 110) == 0)
    #expect(schedule.rate(step: 111) == 0)
  }

  @Test("Without warm-up the first step is already on the cosine")
  func noWarmup() throws {
    let schedule = try RateSchedule(base: 1, warmupSteps: 0, totalSteps: 3)
    #expect(abs(schedule.rate(step: 1) - 0.75) < 1e-12)
    #expect(schedule.rate(step: 0) == 1)
  }

  @Test("The linear rule scales by the global batch over 256")
  func rule() {
    #expect(RateRule.linear.rate(base: 0.45, globalBatch: 8192) == 0.45 * 32)
    #expect(RateRule.none.rate(base: 0.45, globalBatch: 8192) == 0.45)
  }

  @Test("The target's momentum rises from its start to 1")
  func momentum() throws {
    let schedule = try MomentumSchedule(start: 0.97, totalSteps: 100)
    #expect(abs(schedule.momentum(step: 0) - 0.97) < 1e-12)
    #expect(abs(schedule.momentum(step: 50) - 0.985) < 1e-12)
    #expect(schedule.momentum(step: 100) == 1)
    #expect(schedule.momentum(step: 101) == 1)
  }

  @Test("Schedules that make no sense are refused")
  func refused() {
    #expect(throws: ScrlError.self) {
      try RateSchedule(base: .nan, warmupSteps: 0, totalSteps: 1)
    }
    #expect(throws: ScrlError.self) {
      try RateSchedule(base: 1, warmupSteps: 0, totalSteps: 0)
    }
    #expect(throws: ScrlError.self) { try MomentumSchedule(start: 1.5, totalSteps: 1) }
  }
}
