// Which class of the ground truth the detections mean. A results list alone has category ids, and
// they are the ground truth's, as COCO defines it. Where the detections bring categories of their
// own, classes go by name: a detector trained on another file has other ids.
//   - objects of a class that the detections' categories lack leave the figures, and are counted:
//     AP is a mean over the detector's classes
//   - detections of a class that the ground truth lacks leave too: nothing says if they are right

import ScrlBase
import ScrlStore

struct CocoClasses {
  let match: ClassMatch
  let unknown: Set<Int>  // places of the ground truth's classes that the detections lack
  private let placeOfID: [Int64: Int]  // by the detections' category ids
  private let foreign: Set<Int64>  // category ids of classes that the ground truth lacks
  private let mapping: ClassMapping?  // nil: by the ground truth's ids

  enum Place {
    case known(Int)
    case foreign  // the ground truth has no such class
    case none  // no class at all
  }

  /// - Parameters:
  ///   - truth: ids in any order, each once.
  ///   - used: places of those that have an object.
  ///   - categories: of the detections; nil: they have the ground truth's ids.
  init(
    _ truth: [CocoAnnotations.Category], used: Set<Int>, _ categories: [CocoAnnotations.Category]?,
    found: [CocoResults.Entry]
  ) throws(ScrlError) {
    guard let categories else {
      placeOfID = Dictionary(uniqueKeysWithValues: zip(truth.map(\.id), 0...))
      (match, unknown, foreign, mapping) = (ClassMatch(basis: .ids), [], [], nil)
      return
    }
    var places: [Int64: Int] = [:]
    for (place, category) in categories.enumerated() {
      guard places.updateValue(place, forKey: category.id) == nil else {
        throw ScrlError(
          .data, "coco: category \(category.id) of the detections: a second category of this id")
      }
    }
    func table(
      _ source: String, _ list: [CocoAnnotations.Category], used: Set<Int>
    ) -> ClassTable {
      ClassTable(source: source, names: list.map(\.name), ids: list.map { Int($0.id) }, used: used)
    }
    let meant = Set(found.compactMap { places[$0.categoryID] })
    let made = try ClassMapping(
      table("the detections", categories, used: meant),
      table("the ground truth", truth, used: used), for: "coco")
    var placeOfID: [Int64: Int] = [:]
    for (place, category) in made.numbers { placeOfID[categories[category].id] = place }
    self.placeOfID = placeOfID
    foreign = Set(categories.map(\.id)).subtracting(placeOfID.keys)
    unknown = Set(made.unknown)
    (match, mapping) = (made.match, made)
  }

  func place(of id: Int64) -> Place {
    if let place = placeOfID[id] { return .known(place) }
    return foreign.contains(id) ? .foreign : .none
  }

  /// Why a category id, as it is shown, means nothing.
  func refusal(of id: String) -> String {
    "category_id \(id) is no category of the \(mapping == nil ? "ground truth" : "detections")"
  }

  func notes(unknownObjects: Int, absentDetections: Int) -> [String] {
    guard let mapping else { return [] }
    return mapping.notes
      + [
        mapping.unknownNote.map { "\($0): \(unknownObjects) objects leave the figures" },
        mapping.absentNote.map { "\($0): \(absentDetections) detections leave the figures" },
      ].compactMap { $0 }
  }
}
