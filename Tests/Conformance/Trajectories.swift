// Ten steps through Trainer.step(on:) on given views and boxes, from hashed weights, against
// PyTorch in float64: the loss of each step, and every tensor at the end.

import ScrlBase
import ScrlKernels
import ScrlPretraining
import ScrlNN
import ScrlTensor
import TestReference

func trajectoryRows(_ table: Table, _ folder: Fixtures, _ engine: any Engine) throws {
  let afterFive = try scrlRows(table, folder, engine)
  for plan in Plan.others {
    let runner = try Runner(plan, folder, engine, plan.quirks)
    for step in 1...plan.steps { try runner.step(step) }
    try endRows(table, folder, engine, runner)
  }
  try probeRows(table, folder, engine, afterFive)
  try wrongQuirks(table, folder, engine)
}

/// SCRL as the paper describes it, looked at after one step too; its tensors after five.
private func scrlRows(
  _ table: Table, _ folder: Fixtures, _ engine: any Engine
) throws -> [KeptTensor] {
  let runner = try Runner(.scrl, folder, engine, .corrected)
  var afterFive: [KeptTensor] = []
  for step in 1...schedule {
    try runner.step(step)
    if step == 1 {
      let apart = try runner.compare(folder.array("r18_scrl_first"))
      changeRows(table, engine, "\(runner.plan.title), step 1", apart)
    }
    if step == Plan.probe.steps { afterFive = try runner.kept() }
  }
  try endRows(table, folder, engine, runner)
  return afterFive
}

/// The online probe learns as it should, and nothing else notices.
private func probeRows(
  _ table: Table, _ folder: Fixtures, _ engine: any Engine, _ without: [KeptTensor]
) throws {
  let runner = try Runner(.probe, folder, engine, .corrected)
  for step in 1...runner.plan.steps { try runner.step(step) }
  try endRows(table, folder, engine, runner)
  let with = try runner.kept().filter { !$0.name.hasPrefix("probe.") }
  let moved = zip(with, without).count { $0 != $1 } + abs(with.count - without.count)
  table.row(
    engine: engine.name, "tensors that the probe moves besides its own, of \(with.count)",
    Double(moved), 0, within: 0, "no gradient passes: the same bytes as without")
}

private func endRows(
  _ table: Table, _ folder: Fixtures, _ engine: any Engine, _ runner: Runner
) throws {
  let plan = runner.plan
  let expected = try folder.array(plan.name + "_losses")  // (steps, 2): method's, probe's
  let names = ["loss"] + (plan.probe ? ["probe's loss"] : [])
  for (column, name) in names.enumerated() {
    var worst = 0.0
    for (ours, step) in zip(runner.losses, 0...) {
      let wanted = expected.doubles[2 * step + column]
      let error = (ours[column] - wanted).magnitude / wanted
      worst = error <= worst ? worst : error
    }
    table.row(
      engine: engine.name, "\(plan.title): \(name), worst of \(plan.steps) steps, relative", worst,
      0, within: 1e-4, lossDerivation)
  }
  let apart = try runner.compare(folder.array(plan.name + "_end"))
  for group in Comparison.groups {
    guard let tensor = apart.worst[group] else { continue }
    table.row(
      engine: engine.name, "\(plan.title): \(group), worst \(tensor.name)", tensor.error, 0,
      within: tensorTolerance,
      "bounds the L2 error by 1e-3 but for 5e-5: the estimate is χ²₂₄/24 of it")
  }
  changeRows(table, engine, "\(plan.title), step \(plan.steps)", apart)
}

private let lossDerivation = "Float32: 1e-7 in step 1, doubling from step to step: 1e-7·2¹⁰"
private let tensorTolerance = 5e-4
private let changeTolerance = 0.03

private func changeRows(
  _ table: Table, _ engine: any Engine, _ title: String, _ apart: Comparison
) {
  for group in Comparison.groups {
    guard let error = apart.changeError(group) else { continue }
    table.row(
      engine: engine.name, "\(title): change of \(group), relative", error, 0,
      within: changeTolerance,
      "a ReLU at its edge may flip: one of the projector is 8e-3; 2⁻²⁵ of a weight over its change")
  }
}

/// A unit of self-test: one step in the other mode is far outside the tolerance.
private func wrongQuirks(_ table: Table, _ folder: Fixtures, _ engine: any Engine) throws {
  let runner = try Runner(.scrl, folder, engine, .official)
  try runner.step(1)
  let apart = try runner.compare(folder.array("r18_scrl_first"))
  table.mustDiffer(
    engine: engine.name, "one step with quirks official: change of online, relative",
    apart.changeError("online") ?? 0, atLeast: 10 * changeTolerance, "10 times the tolerance")
  guard let tensor = apart.worst["online"] else { return }
  table.mustDiffer(
    engine: engine.name, "the same: online, worst \(tensor.name)", tensor.error,
    atLeast: 2 * tensorTolerance, "2 times the tolerance, after one step of small rate")
}
