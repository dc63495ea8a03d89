// JSONReader's numbers: RFC 8259 section 6, values correctly rounded, whole numbers exact.

import ScrlBase

extension JSONReader {
  /// A number, correctly rounded. One beyond a double's range is refused (infinite where
  /// non-finite numbers are taken).
  package mutating func number() throws(ScrlError) -> Double {
    let start = position
    let token = try numberToken()
    let value = value(of: token)
    guard value.isFinite || takesNonFinite else {
      throw failure("the number is beyond a double's range", at: start)
    }
    return value
  }

  /// A number that is whole (12, 12.0 and 1.2e1 are) and fits; nil for any other number.
  package mutating func integer() throws(ScrlError) -> Int64? {
    let token = try numberToken()
    if token.isPlain, token.exponent == 0, let size = Int64(exactly: token.digits) {
      return token.isNegative ? -size : size
    }
    let value = value(of: token)
    // From 2⁵³ on a double no longer tells which whole number was written.
    guard value == value.rounded(), abs(value) < 0x1p53 else { return nil }
    return Int64(exactly: value)
  }

  /// ± digits · 10^exponent; `isPlain` when digits holds all that were written.
  private struct NumberToken {
    var isNegative = false
    var digits: UInt64 = 0
    var exponent = 0
    var isPlain = true
    var special: Double?
    var range = 0..<0
  }

  private mutating func numberToken() throws(ScrlError) -> NumberToken {
    try expect(.number)
    var token = NumberToken()
    let start = position
    if current == UInt8(ascii: "-") {
      token.isNegative = true
      position += 1
    }
    if takesNonFinite, current == UInt8(ascii: "N") || current == UInt8(ascii: "I") {
      let isNaN = current == UInt8(ascii: "N") && !token.isNegative
      try word(isNaN ? "NaN" : "Infinity")
      token.special = isNaN ? .nan : token.isNegative ? -.infinity : .infinity
      return token
    }
    if current == UInt8(ascii: "0") {
      position += 1
    } else {
      try digits(into: &token, places: 0)
    }
    if current == UInt8(ascii: ".") {
      position += 1
      try digits(into: &token, places: -1)
    }
    if current | 0x20 == UInt8(ascii: "e") {
      position += 1
      try exponent(into: &token)
    }
    token.range = start..<position
    return token
  }

  private mutating func digits(into token: inout NumberToken, places: Int) throws(ScrlError) {
    guard isDigit(current) else { throw unexpected("a digit") }
    while isDigit(current) {
      let digit = UInt64(current - UInt8(ascii: "0"))
      if token.digits < 1_000_000_000_000_000_000 {
        token.digits = token.digits * 10 + digit
        token.exponent += places
      } else {
        token.isPlain = false
      }
      position += 1
    }
  }

  private mutating func exponent(into token: inout NumberToken) throws(ScrlError) {
    let isNegative = current == UInt8(ascii: "-")
    if isNegative || current == UInt8(ascii: "+") { position += 1 }
    guard isDigit(current) else { throw unexpected("a digit") }
    var value = 0
    while isDigit(current) {
      value = min(100_000, value * 10 + Int(current - UInt8(ascii: "0")))
      position += 1
    }
    token.exponent += isNegative ? -value : value
  }

  private func value(of token: NumberToken) -> Double {
    if let special = token.special { return special }
    let power = abs(token.exponent)
    // Digits and power are exact doubles here, so one rounding remains (Clinger 1990).
    if token.isPlain, token.digits <= 1 << 53, power < powersOfTen.count {
      let digits = Double(token.digits)
      let size = token.exponent < 0 ? digits / powersOfTen[power] : digits * powersOfTen[power]
      return token.isNegative ? -size : size
    }
    return Double(String(decoding: bytes[token.range], as: UTF8.self)) ?? .nan
  }
}

/// 10⁰ … 10²²: the powers of ten that a double holds exactly.
private let powersOfTen: [Double] = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
  1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]
