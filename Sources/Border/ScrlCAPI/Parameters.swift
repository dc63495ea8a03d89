// Weights by name, as models and trainers both show them.

import CScrl
import Glibc
import ScrlAutograd
import ScrlBase
import ScrlNN

/// The named state of a handle, with C names that live as long as it.
final class NamedStateTable {
  private let entries: [NamedState]
  private let places: [String: Int]
  private let names: [UnsafeMutablePointer<CChar>?]

  init(_ entries: [NamedState]) {
    self.entries = entries
    places = Dictionary(
      entries.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    names = entries.map { strdup($0.name) }
  }

  deinit { for name in names { free(name) } }

  var count: Int { entries.count }

  func describe(_ index: Int) throws(ScrlError) -> scrl_parameter_info {
    guard entries.indices.contains(index) else {
      throw ScrlError(.argument, "parameter_at: index \(index) · expected 0..<\(entries.count)")
    }
    let tensor = entries[index].tensor
    let shape = tensor.plainShape.map { Int64($0) } + [0, 0, 0, 0]
    var info = scrl_parameter_info()
    info.name = UnsafePointer(names[index])
    info.rank = Int32(tensor.plainShape.count)
    info.shape = (shape[0], shape[1], shape[2], shape[3])
    info.count = Int64(tensor.plainCount)
    info.trainable = tensor is Parameter ? 1 : 0
    return info
  }

  func read(
    _ name: UnsafePointer<CChar>?, _ values: UnsafeMutablePointer<Float>?, _ count: Int
  ) throws(ScrlError) {
    let entry = try find(name)
    guard let values else { throw ScrlError(.argument, "parameter_read: NULL values") }
    try entry.tensor.readPlain(into: UnsafeMutableBufferPointer(start: values, count: count))
  }

  func write(
    _ name: UnsafePointer<CChar>?, _ values: UnsafePointer<Float>?, _ count: Int
  ) throws(ScrlError) {
    let entry = try find(name)
    guard let values, count >= 0 else {
      throw ScrlError(.argument, "parameter_write: NULL values")
    }
    let source = UnsafeBufferPointer(start: values, count: count)
    guard source.count == entry.tensor.plainCount else {
      throw ScrlError(
        .shape,
        "parameter_write: \(entry.name) got \(count) values · expected "
          + "\(entry.tensor.plainCount), \(entry.tensor.plainShape)")
    }
    if let bad = source.firstIndex(where: { !$0.isFinite }) {
      throw ScrlError(
        .argument,
        "parameter_write: \(entry.name) value \(bad) is \(source[bad]) · expected "
          + "finite values")
    }
    try entry.tensor.writePlain(from: source)
  }

  private func find(_ name: UnsafePointer<CChar>?) throws(ScrlError) -> NamedState {
    let name = try text(name, "parameter: name")
    guard let place = places[name] else {
      throw ScrlError(.argument, "parameter: no '\(name)' among the \(entries.count) names")
    }
    return entries[place]
  }
}
