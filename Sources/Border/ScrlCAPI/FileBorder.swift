// scrl_file_describe

import CScrl
import ScrlBase
import ScrlStore

@c @implementation
public func scrl_file_describe(
  _ path: UnsafePointer<CChar>?, _ wanted: UnsafePointer<CChar>?,
  _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int, _ length: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    guard let path else { throw ScrlError(.argument, "file_describe: NULL path") }
    var expected: WantedFile?
    if wanted != nil {
      let word = try text(wanted, "file_describe: wanted")
      guard let known = WantedFile(rawValue: word) else {
        let names = WantedFile.allCases.map(\.rawValue).joined(separator: ", ")
        throw ScrlError(.argument, "file_describe: wanted '\(word)' · expected one of \(names)")
      }
      expected = known
    }
    // HDF5 takes paths of UTF-8 only.
    let kind =
      if let name = String(validatingCString: path) {
        try FileKind(path: name)
      } else {
        FileKind(head: try readFile(path, first: 4096))
      }
    let told = expected.map { kind.explanation(wanted: $0) } ?? kind.phrase
    try copyOut(oneLine(told), buffer, capacity, length, "file_describe")
  }
}
