// A byte array as storage that is used again for the next file or picture.

extension [UInt8] {
  /// Gives the array `wanted` bytes. Old storage stays where it is large enough and keeps what was
  /// in it; only bytes that were not there before are cleared.
  package mutating func setCount(_ wanted: Int) {
    if count > wanted {
      removeLast(count - wanted)
    } else if count < wanted {
      append(contentsOf: repeatElement(0, count: wanted - count))
    }
  }
}
