// How often a classifier is right. Letters: N rows, K classes.

import ScrlTensor

/// How many rows have their class first, and among the first five. Of equal outputs the earlier
/// class counts as the larger one.
package struct Hits: Equatable {
  package var first: Int
  package var five: Int

  package init(first: Int = 0, five: Int = 0) {
    self.first = first
    self.five = five
  }

  /// logits (N,K); a label of −1 is never hit.
  package init(_ logits: Tensor, labels: [Int]) {
    self.init()
    let classes = logits.shape[1]
    for (row, label) in labels.enumerated() where label >= 0 {
      let values = logits.pointer + row * classes
      var ahead = 0
      for c in 0..<classes {
        if values[c] > values[label] || values[c] == values[label] && c < label { ahead += 1 }
      }
      if ahead == 0 { first += 1 }
      if ahead < 5 { five += 1 }
    }
  }

  package static func += (sum: inout Hits, part: Hits) {
    sum.first += part.first
    sum.five += part.five
  }
}
