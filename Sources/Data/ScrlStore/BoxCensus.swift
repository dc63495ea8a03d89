// Why a dataset has no object that a training or a judge can use: what its objects are instead.

extension DatasetReader {
  /// One sentence without its subject, such as "all 4 objects are crowds"; each object is counted
  /// once.
  /// - Parameter unused: marks of objects that are of no use.
  package func whyNoObject(unused: BoxFlags) -> String {
    var (all, nameless, crowds, difficult) = (0, 0, 0, 0)
    for index in 0..<count {
      for box in boxes(of: index) {
        all += 1
        if box.label < 0 {
          nameless += 1
        } else if unused.contains(.crowd), box.isCrowd {
          crowds += 1
        } else if unused.contains(.difficult), box.isDifficult {
          difficult += 1
        }
      }
    }
    let images = count == 1 ? "its image has" : "its \(count) images have"
    if all == 0 { return "\(images) no objects" }
    let parts = [
      (crowds, "crowds", "a crowd"), (difficult, "marked difficult", "marked difficult"),
      (nameless, "without a class", "without a class"),
    ].filter { $0.0 > 0 }
    if let only = parts.first, parts.count == 1, only.0 == all {
      return all == 1 ? "its one object is \(only.2)" : "all \(all) objects are \(only.1)"
    }
    let list = parts.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
    return "none of its \(all) objects is of use: \(list)"
  }
}
