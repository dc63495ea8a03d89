import ScrlBase
import ScrlNN
import ScrlPretraining
import Testing

@testable import ScrlDetection

@Suite("Step schedule")
struct StepScheduleTests {
  @Test("warm-up, milestones and batch follow Detectron2's 1x schedule")
  func published() throws {
    let schedule = try StepSchedule(DetectConfig(), images: 117_266)
    #expect(schedule.totalSteps == 90_000 && schedule.milestones == [60_000, 80_000])
    #expect(schedule.warmupSteps == 1000)
    #expect(abs(schedule.rate(step: 1) - 0.02 * 0.001) < 1e-15)
    #expect(abs(schedule.rate(step: 501) - 0.02 * 0.5005) < 1e-12)
    #expect(schedule.rate(step: 1001) == 0.02 && schedule.rate(step: 60_000) == 0.02)
    #expect(abs(schedule.rate(step: 60_001) - 0.002) < 1e-15)
    #expect(abs(schedule.rate(step: 80_001) - 0.0002) < 1e-15)
  }

  @Test("epochs and batch give the length; warm-up is at most a tenth of it")
  func lengths() throws {
    var config = DetectConfig()
    (config.steps, config.epochs, config.batch, config.milestones) = (0, 3, 8, [0.5, 30])
    let schedule = try StepSchedule(config, images: 100)
    #expect(schedule.totalSteps == 38 && schedule.warmupSteps == 3)
    #expect(schedule.milestones == [19, 30] && schedule.base == 0.01)
  }
}
