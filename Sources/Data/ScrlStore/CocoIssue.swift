// What is told of an entry of an annotation file that did not pass as it stands, and why.

/// Why something was left out or changed. `kind` has no figures: it is the same for all entries of
/// one kind, which can so be counted.
package struct CocoReason: Equatable, Sendable {
  package let kind: String
  package let text: String

  package init(_ kind: String, _ text: String? = nil) {
    self.kind = kind
    self.text = text ?? kind
  }
}

/// One entry that did not pass as it stands, or a note about many.
package struct CocoIssue: Equatable, Sendable {
  package enum Action: Sendable {
    case skipped  // it is not in the dataset
    case clipped  // only the part inside the image is
    case changed  // it is, but something of it was ignored or made from the rest
    case noted  // nothing is lost: how the file was understood
  }

  package let entry: CocoAnnotations.Entry
  package let action: Action
  package let id: Int64?
  package let file: String  // the image's file_name; "": none
  package let kind: String  // the reason without figures
  package let reason: String
  package let objects: Int  // that are lost by it: those of a skipped image

  package init(
    _ entry: CocoAnnotations.Entry, _ action: Action, id: Int64?, file: String = "",
    _ reason: CocoReason, objects: Int = 0
  ) {
    self.entry = entry
    self.action = action
    self.id = id
    self.file = file
    kind = reason.kind
    self.reason = reason.text
    self.objects = objects
  }

  /// "annotation 17 of a.jpg: reason".
  package var text: String {
    var name = entry.rawValue
    if let id { name += " \(id)" }
    if !file.isEmpty { name += entry == .image ? " (\(file))" : " of \(file)" }
    return "\(name): \(reason)"
  }
}
