// What a file that is written may replace: nothing, an empty file, or an older one of its own kind.
// Any other file stays, whatever the call: an output path may have been meant for another place.

import Glibc
import ScrlBase

package enum OutputKind: Sendable {
  case dataset, checkpoint
  case annotations  // COCO, as writeCoco makes it
  case results  // COCO's results list
  case itself  // a file that was read whole and is written again

  fileprivate var name: String {
    switch self {
    case .dataset: "a libscrl dataset"
    case .checkpoint: "a libscrl checkpoint"
    case .annotations: "COCO annotations that libscrl has written"
    case .results: "a COCO results list"
    case .itself: "what was read"
    }
  }

  fileprivate func fits(_ kind: FileKind, _ head: [UInt8]) -> Bool {
    switch self {
    case .dataset: kind.isOne(of: .dataset)
    case .checkpoint: kind.isOne(of: .checkpoint)
    case .annotations: head.starts(with: Array(annotationsStart.utf8))
    case .results: isResults(head)
    case .itself: true
    }
  }
}

/// How every file of writeCoco begins; by it one is known again.
let annotationsStart = "{\"info\": {\"description\": \"written by libscrl "

/// - Throws: `.state` when something stands under the name that is not of the kind.
package func checkReplaceable(_ path: String, by kind: OutputKind) throws(ScrlError) {
  var status = stat()
  guard stat(path, &status) == 0, status.st_size > 0 else { return }
  let (head, found): ([UInt8], FileKind)
  do throws(ScrlError) {
    (head, found) = (try OpenFile(reading: path).head(1 << 16), try FileKind(path: path))
  } catch {
    throw ScrlError(.state, "create \(path): \(error.message) · expected a new name")
  }
  guard kind.fits(found, head) else {
    throw ScrlError(
      .state,
      "create \(path): the file there \(found.phrase), and would be lost · expected "
        + "a new name, or one of \(kind.name)")
  }
}

/// A list that is empty, or whose first entry has an image and a score.
private func isResults(_ head: [UInt8]) -> Bool {
  let text = String(decoding: head, as: UTF8.self)
  let list = text.drop { $0.isWhitespace }
  guard list.first == "[" else { return false }
  let inside = list.dropFirst().drop { $0.isWhitespace }
  if inside.first == "]" { return true }
  guard inside.first == "{" else { return false }
  let names = inside.utf8.prefix(1 << 16)
  return contains(names, "\"image_id\"") && contains(names, "\"score\"")
}

private func contains(_ text: Substring.UTF8View.SubSequence, _ word: String) -> Bool {
  let (text, word) = (Array(text), Array(word.utf8))
  guard text.count >= word.count else { return false }
  return (0...text.count - word.count).contains { start in
    text[start] == word[0] && text[start..<start + word.count].elementsEqual(word)
  }
}
