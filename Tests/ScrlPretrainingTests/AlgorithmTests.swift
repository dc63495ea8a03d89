// Runs on oneDNN, whose convolutions may be chosen by time: resuming must not show.

import Foundation
import ScrlBase
import ScrlKernels
import ScrlOneDNN
import ScrlStore
import TestSupport
import Testing
import ScrlTraining

@testable import ScrlPretraining

private let uses: [WinogradUse] = [.never, .whereFaster]

@Suite("Algorithms chosen by time", .enabled(if: TestEngine.all.contains(.onednn)))
struct AlgorithmTests {
  let place: Workplace
  init() throws { place = try Workplace() }

  @Test("a run that is killed and resumed ends with the numbers of a whole one", arguments: uses)
  func resumes(_ use: WinogradUse) throws {
    let (whole, joined) = try wholeAndJoined(use, told: "")
    #expect(whole == joined)
  }

  @Test("a resumed run computes as its checkpoint says, not as it would choose itself")
  func contrary() throws {
    let run = try place.run(engine: engine(.whereFaster))
    _ = try run.step()
    let chosen = run.task.engine.algorithmChoices
    guard !chosen.isEmpty else { return }  // no AVX-512, no Winograd
    let flipped = flip(chosen)
    #expect(chosen.contains("threads 1: ") && flip(flipped) == chosen)
    let (whole, joined) = try wholeAndJoined(.whereFaster, told: flipped)
    #expect(whole == joined)
    let resumed = try place.resume(place.path("part.h5"), engine: engine(.whereFaster))
    #expect(resumed.task.engine.algorithmChoices == flipped)
    let (free, _) = try wholeAndJoined(.whereFaster, told: "")
    #expect(free != whole, "the choices show in the numbers")
  }

  @Test("choices of another engine do not matter")
  func elsewhere() throws {
    let run = try place.run(engine: engine(.whereFaster))
    _ = try run.step()
    try run.save(place.path("run.h5"))
    #expect(try place.resume(place.path("run.h5")).step().step == 2)
  }

  @Test("choices that are malformed are refused, with file and place")
  func malformed() throws {
    let run = try place.run(engine: engine(.whereFaster))
    _ = try run.step()
    let chosen = run.task.engine.algorithmChoices
    guard !chosen.isEmpty else { return }
    try run.save(place.path("run.h5"))
    try copy(
      place.path("run.h5"), to: place.path("bad.h5"),
      algorithms: chosen.replacingOccurrences(of: "threads 1", with: "threads x"))
    #expect {
      _ = try place.resume(place.path("bad.h5"), engine: engine(.whereFaster))
    } throws: { error in
      (error as? ScrlError)?.code == .format && "\(error)".contains("/training/algorithms")
        && "\(error)".contains("bad.h5") && "\(error)".contains("threads x")
    }
  }

  /// Where a run of three steps ends, and one that goes on from its first.
  private func wholeAndJoined(_ use: WinogradUse, told: String) throws -> ([[Float]], [[Float]]) {
    let whole = try place.run({ $0.steps = 3 }, engine: engine(use))
    try whole.task.engine.restoreAlgorithms(told)
    try whole.run(steps: 1) { _ in true }
    try whole.save(place.path("part.h5"))
    try whole.run(steps: 0) { _ in true }
    let joined = try place.resume(place.path("part.h5"), engine: engine(use))
    try joined.run(steps: 0) { _ in true }
    #expect(joined.task.engine.algorithmChoices == whole.task.engine.algorithmChoices)
    return (try numbers(whole), try numbers(joined))
  }
}

/// All that a checkpoint holds of weights, statistics and momentum.
private func numbers(_ run: Trainer<Pretraining>) throws -> [[Float]] {
  try weights(run) + run.task.optimizer.buffers.map { try $0.plain().array }
}

private func engine(
  _ use: WinogradUse
) -> (Config) throws(ScrlError) -> any Engine {
  { (_) throws(ScrlError) in try OneDNNEngine(workers: Workers(1), winograd: use) }
}

/// Each line with the other algorithm.
private func flip(_ choices: String) -> String {
  choices.split(separator: "\n").map { line in
    let call = line.prefix { $0 != ":" }
    return call + (line.hasSuffix("winograd") ? ": direct\n" : ": winograd\n")
  }.sorted().joined()
}

/// A checkpoint with other choices in it, all else as it was.
private func copy(_ path: String, to other: String, algorithms: String) throws {
  let reader = try CheckpointReader(path: path)
  let writer = try CheckpointWriter(path: other, libraryVersion: libraryVersion)
  for group in ["/model", "/optimizer/momentum"] {
    for (name, shape) in try reader.floats(under: group) {
      var values = [Float](repeating: 0, count: shape.reduce(1, *))
      try values.withUnsafeMutableBufferPointer { try reader.read(group + "/" + name, into: $0) }
      try values.withUnsafeBufferPointer { try writer.write(group + "/" + name, shape: shape, $0) }
    }
  }
  try writer.write("/training/config", text: try reader.text("/training/config"))
  try writer.write("/training/algorithms", text: algorithms)
  for name in ["host_config", "dataset_path"] {
    let place = "/training/" + name
    try writer.write(place, attribute: try reader.attributeText(place))
  }
  for name in ["step", "steps_skipped", "dataset_fingerprint"] {
    try writer.write("/training/" + name, integer: try reader.integer("/training/" + name))
  }
  let (columns, rows) = try reader.table("/metrics/steps")
  try writer.writeTable("/metrics/steps", columns: columns, rows: rows)
  try writer.finish()
}
