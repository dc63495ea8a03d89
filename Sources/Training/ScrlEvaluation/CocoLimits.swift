// How many detections of an image and class count: COCO's maxDets, 1, 10 and 100 unless told. The
// figures AR1, AR10 and AR100 are recalls with the first, second and third limit, whatever it is;
// all others are with the third.

import ScrlBase

package struct CocoLimits: Sendable, Equatable {
  package let values: [Int]  // three, rising

  package static let standard = CocoLimits()

  private init() { values = [1, 10, 100] }

  package init(_ values: [Int], _ operation: String = "coco") throws(ScrlError) {
    let most = CocoRules.mostDetections
    guard values.count == 3, values.allSatisfy((1...most).contains),
      zip(values, values.dropFirst()).allSatisfy({ $0 < $1 })
    else {
      throw ScrlError(
        .argument,
        "\(operation): got max_detections \(values) · expected three rising numbers in 1…\(most)")
    }
    self.values = values
  }

  var most: Int { values[2] }
}
