// What comparing two COCO files answers. Its text as JSON: CocoDetails.swift.

import ScrlBase
import ScrlStore

package struct CocoLeftOut: Sendable, Equatable {
  package let list: String  // "images", "categories", "annotations" or "detections"
  package let name: String  // "annotation 7", "detection 3 of the list"
  package let reason: String

  package var text: String { "\(name): \(reason)" }
}

package struct CocoComparison: Sendable {
  package struct Category: Sendable {
    package let id: Int64
    package let name: String
    package var objects = 0  // without crowds
    package var crowds = 0
    package var detections = 0
  }

  package let kind: CocoKind
  package let images: Int
  package internal(set) var categories: [Category]
  package let metrics: CocoMetrics
  package let leftOut: [CocoLeftOut]
  package let notes: [String]
  package let match: ClassMatch
  package let unknownObjects: Int  // without crowds, of classes that the detections lack
  package let absentDetections: Int  // of classes that the ground truth lacks
}
