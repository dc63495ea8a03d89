// Signs of collapse in training: seen where they are, and nowhere else; looking changes nothing.

import Foundation
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor
import Testing
import ScrlTraining

@testable import ScrlPretraining

/// All numbers of these parameters become `value`.
private func fill(_ run: Trainer<Pretraining>, _ value: Float, where isMeant: (String) -> Bool)
  throws
{
  for entry in run.task.state.state where isMeant(entry.name) {
    let values = [Float](repeating: value, count: entry.tensor.plainCount)
    try values.withUnsafeBufferPointer { try entry.tensor.writePlain(from: $0) }
  }
}

@Suite("Health")
struct HealthTests {
  @Test("looking changes no weight and happens every so many steps, also after a resume")
  func changesNothing() throws {
    let place = try Workplace()
    var reports: [[StepReport]] = []
    var results: [[[Float]]] = []
    for every in [0, 2] {
      let run = try place.run { $0.healthEvery = every }
      reports.append([])
      try run.run(steps: 5) { report in
        reports[reports.count - 1].append(report)
        return true
      }
      results.append(try weights(run))
    }
    #expect(results[0] == results[1])
    #expect(reports[0].allSatisfy { $0.health == nil })
    #expect(reports[1].map { $0.health != nil } == [false, true, false, true, false])

    let first = try place.run { $0.healthEvery = 2 }
    try first.run(steps: 3) { _ in true }
    try first.save(place.path("part.h5"))
    let second = try place.resume(place.path("part.h5"))
    #expect(second.task.config.healthEvery == 2)
    let next = try second.step()
    #expect(next.health == reports[1][3].health && next.health != nil)
  }

  @Test("fresh and learning networks of every method show no sign", arguments: Method.allCases)
  func healthy(method: ScrlPretraining.Method) throws {
    let place = try Workplace(labels: { Int32($0 % 2) })
    let run = try place.run { ($0.method, $0.healthEvery, $0.steps) = (method, 1, 12) }
    try run.run(steps: 12) { report in
      guard let health = report.health else {
        Issue.record("step \(report.step) did not look")
        return false
      }
      #expect(health.collapse == nil)
      #expect(health.deviation > 2 * Collapse.leastDeviation)
      #expect(health.effectiveRank > Collapse.leastRank || health.rankLimit < Collapse.rowsForRank)
      #expect(health.positive <= 1 + 1e-6 && health.negative <= 1 + 1e-6)
      return true
    }
  }

  @Test("a constant encoder is seen at once, by every method", arguments: Method.allCases)
  func constant(method: ScrlPretraining.Method) throws {
    let place = try Workplace(labels: { Int32($0 % 2) })
    let run = try place.run { ($0.method, $0.healthEvery) = (method, 1) }
    try fill(run, 0) { $0.hasPrefix("online.encoder.bn1.") }
    if method == .supervised {
      // Zero features have no direction; all the same they have one.
      try fill(run, 1) { $0 == "online.encoder.bn1.bias" }
    }
    let health = try #require(try run.step().health)
    #expect(health.collapse == .constant && health.deviation < Collapse.leastDeviation)
  }

  @Test("projections along one line are seen")
  func flat() throws {
    let place = try Workplace()
    let run = try place.run { ($0.healthEvery, $0.method) = (1, .byol) }
    try fill(run, 1) { $0 == "online.projector.fc2.weight" }  // every output is the same sum
    let health = try #require(try run.step().health)
    #expect(health.collapse != nil && health.effectiveRank < Collapse.leastRank)
  }

  @Test("a line of metrics.jsonl has the numbers of a step that looked, and null for no sign")
  func metrics() throws {
    let place = try Workplace()
    let folder = place.path("run")
    let run = try place.run({ $0.healthEvery = 2 }, folder: folder)
    try run.run(steps: 2) { _ in true }
    let lines = try String(contentsOfFile: folder + "/metrics.jsonl", encoding: .utf8)
      .split(separator: "\n").map(String.init)
    #expect(!lines[0].contains("deviation"))
    let read = try #require(
      try JSONSerialization.jsonObject(with: Data(lines[1].utf8)) as? [String: Any])
    #expect(read["collapse"] is NSNull && (read["effective_rank"] as? Double ?? 0) > 1)
  }

  @Test("looking at every 50th step of scrl-small costs less than 0.5 % of the 50")
  func cost() throws {
    // The rows of scrl-small: 32 images, 10 boxes, both views; 128 numbers.
    let rows = try Tensor(
      (0..<640 * 128).map { Float(($0 * 7919) % 1009) / 1009 - 0.5 }, shape: [640, 128])
    let groups = (0..<640).map { $0 % 320 / 10 }
    var seconds = Double.infinity
    for _ in 0..<4 {
      let start = monotonicSeconds()
      _ = try Health(
        of: rows, paired: true, groups: groups, most: Health.trainingRows, Workers(1))
      seconds = min(seconds, monotonicSeconds() - start)
    }
    print("health of a step of scrl-small: \(seconds * 1000) ms")
    // A step takes about 0.5 s on two cores: 0.5 % of 25 s would be 125 ms.
    #expect(seconds < 0.125)
  }

  @Test("a limit is a limit: numbers on either side of each", arguments: Collapse.allCases)
  func limits(sign: Collapse) throws {
    let rows = try Tensor((0..<64).map { Float(($0 * 37) % 11) - 5 }, shape: [16, 4])
    var health = try Health(of: rows, paired: true, most: nil, Workers(1))
    (health.deviation, health.effectiveRank, health.rankLimit) = (0.5, 5, 16)
    (health.positive, health.negative, health.images) = (0.9, 0.2, 100)
    #expect(health.collapse == nil)
    switch sign {
    case .constant: health.deviation = 0.99 * Collapse.leastDeviation
    case .flat: health.effectiveRank = 0.99 * Collapse.leastRank
    case .alike: health.positive = health.negative + 0.8 * 0.99 * Collapse.leastGap
    }
    #expect(health.collapse == sign)
    health.images = 99  // too few to tell whether views are alike
    #expect((health.collapse == nil) == (sign == .alike))
    (health.deviation, health.effectiveRank) = (.nan, .nan)
    (health.positive, health.negative, health.images) = (.nan, .nan, 100)
    #expect(health.collapse == nil)  // nothing was measured
  }
}
