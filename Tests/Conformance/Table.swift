// The suite's one table: a row per quantity, printed as it is known, counted at the end.

import Glibc

final class Table {
  private(set) var held = 0
  private(set) var failed = 0

  init() {
    printLine(
      ["engine", "quantity", "ours", "reference", "tolerance", ""], "the tolerance's derivation")
  }

  /// Ours equals the reference within the tolerance.
  func row(
    engine: String = "–", _ quantity: String, _ ours: Double, _ reference: Double,
    within tolerance: Double, _ derivation: String
  ) {
    let holds = (ours - reference).magnitude <= tolerance  // NaN does not
    add(holds, [engine, quantity, short(ours), short(reference), short(tolerance)], derivation)
  }

  /// A deliberate mistake shows: ours is at least the floor.
  func mustDiffer(
    engine: String = "–", _ quantity: String, _ ours: Double, atLeast floor: Double,
    _ derivation: String
  ) {
    let cells = [engine, quantity, short(ours), "must differ", "≥ " + short(floor)]
    add(ours >= floor, cells, derivation)
  }

  private func add(_ holds: Bool, _ cells: [String], _ derivation: String) {
    if holds { held += 1 } else { failed += 1 }
    printLine(cells + [holds ? "ok" : "FAILED"], derivation)
  }

  private func printLine(_ cells: [String], _ derivation: String) {
    let padded = zip(cells, [8, 80, 11, 11, 10, 6]).map { cell, width in
      cell + String(repeating: " ", count: max(0, width - cell.count))
    }
    print(padded.joined(separator: " "), derivation)
    fflush(nil)
  }
}

/// Six significant digits for what is compared, without Foundation.
func short(_ value: Double) -> String {
  if value == value.rounded(), value.magnitude < 1e9 { return String(Int(value)) }
  let exponent = Int(log10(value.magnitude).rounded(.down))
  if (-3..<6).contains(exponent) {
    let scale = pow(10.0, Double(5 - exponent))
    return "\((value * scale).rounded() / scale)"
  }
  let mantissa = (value / pow(10.0, Double(exponent)) * 100).rounded() / 100
  return "\(mantissa)e\(exponent)"
}

/// √Σ(a − b)² / √Σb².
func relativeError(_ ours: [Float], _ reference: some Sequence<Double>) -> Double {
  var (apart, size, count) = (0.0, 0.0, 0)
  for (a, b) in zip(ours, reference) {
    apart += (Double(a) - b) * (Double(a) - b)
    size += b * b
    count += 1
  }
  return count == ours.count ? (apart / size).squareRoot() : .nan
}
