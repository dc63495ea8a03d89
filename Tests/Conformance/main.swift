// The conformance suite: every quantity of the method beside an independent reference.
//   conformance [--fixtures FOLDER] [--only GROUP,…]
// Groups: geometry, boxes, pixels, schedules, optimiser, gradients, trajectories.

import Glibc
import TestReference

struct Options {
  var fixtures = Fixtures(folder: testsFolder + "/Conformance/fixtures")
  var groups: [Substring] = []  // none: all

  init?(_ arguments: some Sequence<String>) {
    var rest = Array(arguments)[...]
    while let option = rest.popFirst() {
      switch (option, rest.popFirst()) {
      case ("--fixtures", let path?): fixtures = Fixtures(folder: path)
      case ("--only", let names?): groups = names.split(separator: ",")
      default: return nil
      }
    }
  }

  func includes(_ group: Substring) -> Bool { groups.isEmpty || groups.contains(group) }
}

func fill(_ table: Table, _ options: Options) throws {
  let fixtures = options.fixtures
  if options.includes("geometry") { geometryRows(table) }
  if options.includes("boxes") { try distributionRows(table, fixtures) }
  if options.includes("pixels") { try pixelRows(table) }
  if options.includes("schedules") { try scheduleRows(table, fixtures) }
  for engine in try engines() {
    if options.includes("optimiser") { try optimiserRows(table, fixtures, engine) }
    if options.includes("gradients") { try gradientRows(table, fixtures, engine) }
    if options.includes("trajectories") { try trajectoryRows(table, fixtures, engine) }
  }
}

guard let options = Options(CommandLine.arguments.dropFirst()) else {
  print("usage: conformance [--fixtures FOLDER] [--only GROUP,…]")
  exit(2)
}
let table = Table()
do {
  try fill(table, options)
} catch {
  print("conformance: \(error)")
  exit(1)
}
print("\(table.held) quantities hold, \(table.failed) failed")
exit(table.failed == 0 && table.held > 0 ? 0 : 1)
