import Foundation
import ScrlBase
import Testing

@testable import ScrlPretraining
@testable import ScrlTraining

@Suite("Runs: the clock, other lines, changes")
struct RunTests {
  /// Seconds of each step → the steps after which a checkpoint is written, of `count`.
  private func saves(minutes: Double, isFirst: Bool, step: Double, count: Int) -> [Int] {
    var timer = CheckpointTimer(minutes: minutes, isFirst: isFirst, now: 100)
    var due: [Int] = []
    for number in 1...count {
      let now = 100 + step * Double(number)
      if timer.isDue(now: now) {
        due.append(number)
        timer.saved(now: now)
      }
    }
    return due
  }

  @Test("a first checkpoint comes within a minute, or after the first step; then by the minutes")
  func clock() {
    #expect(saves(minutes: 10, isFirst: true, step: 1, count: 1300) == [50, 650, 1250])
    #expect(saves(minutes: 10, isFirst: true, step: 20, count: 62) == [2, 32, 62])
    #expect(saves(minutes: 10, isFirst: true, step: 90, count: 9) == [1, 8])
    #expect(saves(minutes: 10, isFirst: false, step: 90, count: 15) == [7, 14])
    #expect(saves(minutes: 0, isFirst: true, step: 90, count: 50) == [1])
    #expect(saves(minutes: 0, isFirst: false, step: 90, count: 50) == [])
    #expect(saves(minutes: 0.5, isFirst: true, step: 10, count: 9) == [3, 6, 9])
  }

  @Test("checkpoints by the clock change no byte of a run, and no numbered file")
  func clockedRun() throws {
    let place = try Workplace()
    var now = 0.0
    for (folder, minutes) in [("plain", 0.0), ("clocked", 1.0)] {
      let run = try place.run(
        { ($0.checkpointMinutes, $0.checkpointEvery) = (minutes, 4) }, folder: place.path(folder))
      var newest: [Int] = []
      try run.run(
        steps: 0,
        clock: {
          now += 31
          return now
        },
        onStep: { report in
          let names = try? FileManager.default.contentsOfDirectory(atPath: place.path(folder))
          if names?.contains("checkpoint.h5") == true { newest.append(report.step) }
          return true
        })
      #expect(newest.first == 2)  // the first is there after the first step
    }
    for name in ["checkpoint-00000004.h5", "checkpoint-00000006.h5"] {
      let plain = try place.resume(place.path("plain") + "/" + name)
      let clocked = try place.resume(place.path("clocked") + "/" + name)
      #expect(try weights(plain) == weights(clocked))
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: place.path("clocked")).sorted()
    #expect(
      names == [
        "checkpoint-00000004.h5", "checkpoint-00000006.h5", "checkpoint.h5", "metrics.jsonl",
      ])
  }

  @Test("a request that came while no run was going stops the next before its first step")
  func asked() throws {
    let place = try Workplace()
    let run = try place.run(folder: place.path("run"))
    #expect {
      try run.run(steps: 0, isCancelled: { true }) { _ in true }
    } throws: { ($0 as? ScrlError)?.code == .cancelled }
    #expect(run.stepsDone == 0)
    #expect(FileManager.default.fileExists(atPath: place.path("run/checkpoint.h5")))
  }

  static let own = (1...4).map { "{\"step\": \($0), \"epoch\": 0, \"loss\": 1.5}" }

  @Test(
    "going on after step 2 removes later steps and half lines, and nothing else",
    arguments: [
      (own.map { $0 + "\n" }.joined(), own[0] + "\n" + own[1] + "\n", ""),
      ("", "", ""), ("\n\n", "\n\n", ""),
      (own[0], own[0] + "\n", ""),  // whole, but for its newline
      (own[0] + "\n{\"step\": 1", own[0] + "\n", ""),  // half a line, of step 1 or 1…
      (own[0] + "\n{\"st", own[0] + "\n", ""), (own[0] + "\n{", own[0] + "\n", ""),
      (own[2] + "\n# note\n" + own[3] + "\n", "# note\n", ""),
      ("# note", "# note\n", ""),
      ("{\"step\": 9, \"val\": 1}\n" + own[2] + "\n", "{\"step\": 9, \"val\": 1}\n", ""),
      ("{\"step\":2,\"epoch\":0}\n{\"step\":3,\"epoch\":0}\n", "{\"step\":2,\"epoch\":0}\n", ""),
      ("\u{FEFF}" + own[0] + "\r\n" + own[2] + "\r\n", "\u{FEFF}" + own[0] + "\r\n", ""),
      (own[0] + "\n\0\0\0", own[0] + "\n", "\0\0\0\n"),
      (own[0] + "\n{\"half" + own[1] + "\n", own[0] + "\n{\"half" + own[1] + "\n", ""),
      (
        "{\"step\": 99999999999999999999, \"epoch\": 0}\n",
        "{\"step\": 99999999999999999999, \"epoch\": 0}\n", ""
      ),
    ])
  func metricsLines(content: String, kept: String, foreign: String) {
    let lines = MetricsLines(Array(content.utf8), upTo: 2)
    #expect(String(decoding: lines.kept, as: UTF8.self) == kept)
    #expect(String(decoding: lines.foreign, as: UTF8.self) == foreign)
    let again = MetricsLines(lines.kept, upTo: 2)
    #expect(again.kept == lines.kept && again.foreign.isEmpty)
  }

  @Test("bytes that are no text are set aside")
  func binary() {
    let lines = MetricsLines([0xFF, 0xFE, 0x7B, 0x0A, 0x23, 0x0A], upTo: 2)
    #expect(lines.kept == [0x23, 0x0A] && lines.foreign == [0xFF, 0xFE, 0x7B, 0x0A])
  }

  @Test("keys of where and how fast may all change; those that give the weights their form may not")
  func resumeKeys() {
    for key in ConfigKey.all where !key.shapesResult { #expect(key.fixedBecause == nil) }
    for key in ConfigKey.all where key.name.hasPrefix("model.") || key.name.hasPrefix("head.") {
      #expect(key.fixedBecause == "the weights have its form")
    }
  }

  @Test("no change gives the saved config; a changed one is checked as a whole")
  func changedConfig() throws {
    let config = smallConfig()
    #expect(try config.changed(by: [], detector: false) == config)
    #expect(try config.changed(by: [("seed", "0")], detector: false) == config)
    #expect(try config.changed(by: [("train.steps", "9")], detector: false).steps == 9)
    #expect {
      _ = try config.changed(
        by: [("train.steps", "0"), ("train.epochs", "5"), ("train.warmup_epochs", "5")],
        detector: false)
    } throws: { "\($0)".contains("train.warmup_epochs") }
    #expect {
      _ = try config.changed(by: [("train.steps", "9")], detector: true)
    } throws: { "\($0)".contains("means nothing to a detector") }
  }
}
