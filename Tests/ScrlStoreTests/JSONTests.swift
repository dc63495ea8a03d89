// JSON texts that RFC 8259 allows and forbids (the kinds of Seriot's JSONTestSuite), values, places.

import ScrlBase
import Testing

@testable import ScrlStore

@Suite("JSON reader")
struct JSONTests {
  @Test("Texts of the grammar are read", arguments: allowed)
  func accepts(text: String) throws {
    var reader = JSONReader(Array(text.utf8), source: "t")
    try reader.skip()
    try reader.finish()
  }

  @Test("Other texts are refused with a place", arguments: forbidden)
  func refuses(text: String) {
    let error = refusal(Array(text.utf8))
    #expect(error?.code == .format, "\(text)")
    #expect(error?.message.contains("read t: line ") == true)
  }

  @Test("Bytes that are not UTF-8 are refused, also in values that are passed over")
  func encodings() {
    let bad: [[UInt8]] = [
      [0xFF], [0xC3], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
      [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0x80],
    ]
    for bytes in bad {
      let quoted: [UInt8] = [0x5B, 0x22] + bytes + [0x22, 0x5D]
      #expect(refusal(quoted)?.message.contains("not UTF-8") == true)
      #expect(refusal([0x5B] + bytes + [0x5D]) != nil)
    }
    #expect(refusal([0xEF, 0xBB, 0xBF, 0x5B, 0x5D])?.message.contains("byte order mark") == true)
    #expect(refusal([0xFF, 0xFE, 0x5B, 0x00, 0x5D, 0x00]) != nil)
    #expect(refusal([0x5B, 0x5D, 0x00]) != nil)
  }

  @Test("Strings are unescaped")
  func strings() throws {
    let cases = [
      (#""plain""#, "plain"), (#""""#, ""), (#""a\"b\\c\/d""#, "a\"b\\c/d"),
      (#""\b\f\n\r\t""#, "\u{8}\u{c}\n\r\t"), (#""\u0041\u00e9\u4E2d""#, "Aé中"),
      (#""\uD834\uDD1e""#, "𝄞"), (#""x\u0000y""#, "x\0y"), ("\"é中𝄞\u{7F}\"", "é中𝄞\u{7F}"),
      (#""\\u0041""#, "\\u0041"),
    ]
    for (text, expected) in cases {
      var reader = JSONReader(Array(text.utf8), source: "t")
      let got = try reader.string()
      #expect(Array(got.utf8) == Array(expected.utf8))
      try reader.finish()
    }
  }

  @Test("Numbers are those that the compiler reads from the same text")
  func numbers() throws {
    let texts = [
      "0", "-0", "1", "-12", "0.1", "473.07", "1e5", "1E-5", "1.5e+3", "123456789012345678",
      "9007199254740993", "0.30000000000000004", "1e22", "1e23", "1e-22", "5e-324", "2e-400",
      "1.7976931348623157e308", "3.141592653589793238462643383279502884", "1e-100000",
      "100000000000000000000000000000000000000", "0.000000000000000000000000000000012345",
      "0e999999999999999999999", "4.35", "702.1057499999998",
    ]
    for text in texts {
      var reader = JSONReader(Array(text.utf8), source: "t")
      let got = try reader.number()
      #expect(got.bitPattern == Double(text)?.bitPattern, "\(text)")
    }
    var random = RandomStream(seed: 3, sample: 0, use: .test)
    for _ in 0..<20_000 {
      let digits = random.integer(in: 1..<20)
      var text = random.integer(in: 0..<2) == 0 ? "-" : ""
      text += String(random.integer(in: 1..<10))
      for place in 1..<digits + 1 {
        if place == digits / 2 + 1 { text += "." }
        text += String(random.integer(in: 0..<10))
      }
      if random.integer(in: 0..<2) == 0 { text += "e\(random.integer(in: -40..<40))" }
      var reader = JSONReader(Array(text.utf8), source: "t")
      let got = try reader.number()
      #expect(got.bitPattern == Double(text)?.bitPattern, "\(text)")
    }
  }

  @Test("Whole numbers are exact, and nothing is rounded to one")
  func integers() throws {
    let cases: [(String, Int64?)] = [
      ("0", 0), ("-0", 0), ("12", 12), ("-7", -7), ("12.0", 12), ("1.2e1", 12), ("1e3", 1000),
      ("900100581904", 900_100_581_904), ("9223372036854775807", .max),
      ("-9223372036854775807", -.max), ("9223372036854775808", nil),
      ("99999999999999999999", nil), ("1000000000000000001", 1_000_000_000_000_000_001),
      ("1.5", nil), ("1e-1", nil), ("9007199254740993.0", nil), ("1e300", nil), ("-1e300", nil),
    ]
    for (text, expected) in cases {
      var reader = JSONReader(Array(text.utf8), source: "t")
      let got = try reader.integer()
      #expect(got == expected, "\(text)")
    }
  }

  @Test("NaN and Infinity are numbers only where they are asked for")
  func nonFinite() throws {
    for text in ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"] {
      #expect(refusal(Array(text.utf8)) != nil)
      var reader = JSONReader(Array(text.utf8), source: "t", takesNonFinite: true)
      let value = try reader.number()
      #expect(!value.isFinite)
    }
    for text in ["nan", "Inf", "-NaN", "+Infinity", "Nan", "-"] {
      #expect(refusal(Array(text.utf8), takesNonFinite: true) != nil)
    }
  }

  @Test("An error tells line and column of the character")
  func places() {
    func place(_ text: String) -> String? { refusal(Array(text.utf8))?.message }
    #expect(place("{\n  \"é\": x}")?.hasPrefix("read t: line 2, column 8: got 'x'") == true)
    #expect(place("[1, 2")?.hasPrefix("read t: line 1, column 6: got the text's end") == true)
    #expect(place("")?.hasPrefix("read t: line 1, column 1: ") == true)
    #expect(place("[1,]")?.hasPrefix("read t: line 1, column 4: got ']'") == true)
  }

  @Test("Nesting is limited, and texts that nest without end are refused")
  func depth() throws {
    let deepest = JSONReader.deepest
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
      let inside = open == "[" ? "" : "1"
      func nested(_ depth: Int) -> String {
        String(repeating: open, count: depth) + inside + String(repeating: close, count: depth)
      }
      #expect(refusal(Array(nested(deepest).utf8)) == nil)
      #expect(refusal(Array(nested(deepest + 1).utf8))?.message.contains("nested") == true)
      #expect(refusal(Array(String(repeating: open, count: 1_000_000).utf8)) != nil)
    }
  }

  @Test("What a caller does not read is passed over")
  func passing() throws {
    let text = #"{"a": [1, {"b": [2]}], "c": "x", "d": [3, 4], "e": null, "f": true}"#
    var reader = JSONReader(Array(text.utf8), source: "t")
    var found: [Double] = []
    var isTrue = false
    try reader.object { (reader, name) throws(ScrlError) in
      switch name {
      case "d": try reader.array { (reader) throws(ScrlError) in found.append(try reader.number()) }
      case "f": isTrue = try reader.boolean()
      default: break
      }
    }
    try reader.finish()
    #expect(found == [3, 4] && isTrue)
    reader = JSONReader(Array("[1]".utf8), source: "t")
    let error = #expect(throws: ScrlError.self) { _ = try reader.string() }
    #expect(error?.message.contains("got an array, expected a string") == true)
  }

  @Test("No text of random tokens traps")
  func tokens() {
    let parts = [
      "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "D800", "1", "-", ".", "e", "true", "null",
      "fals", " ", "\n", "\0", "é", "NaN", "Infinity", "\"a\"", "0",
    ]
    for seed in 0..<20_000 {
      var random = RandomStream(seed: UInt64(seed), sample: 1, use: .test)
      var text = ""
      for _ in 0..<random.integer(in: 0..<24) { text += parts[random.integer(in: 0..<parts.count)] }
      _ = refusal(Array(text.utf8), takesNonFinite: seed % 2 == 0)
    }
  }
}

/// The error of reading a whole text, if there is one.
private func refusal(_ bytes: [UInt8], takesNonFinite: Bool = false) -> ScrlError? {
  var reader = JSONReader(bytes, source: "t", takesNonFinite: takesNonFinite)
  do throws(ScrlError) {
    try reader.skip()
    try reader.finish()
    return nil
  } catch { return error }
}

private let allowed = [
  "[]", "{}", "null", "true", "false", "0", "-0", "1.25", "\"\"", " [ ] ", "\t{\r\n}\n", "[[]]",
  "[1]", "[1,2]", "[null]", "[null, 1, \"1\", {}]", "[1\n]", " [1]", "[2] ", "[-0]", "[-1]",
  "[1E22]", "[1e-2]", "[1e+2]", "[0e1]", "[0e+1]", "[123e45]", "[1.7976931348623157e308]",
  "[20e1]", "[-0.0]", "[0.1]", "[-123]", "{\"a\":[]}", "{\"\":0}", "{\"a\":1,\"b\":2}",
  "{\"a\":\"b\",\"a\":\"c\"}", "{\"a\\u0000b\": 42}", "{\"x\":[{\"id\": 1}], \"y\": true}",
  "[\"\\u0060\\u012a\\u12AB\"]", "[\"\\uD801\\udc37\"]", "[\"\\uDBFF\\uDFFF\"]", "[\"\\\"\"]",
  "[\"\\\\u0000\"]", "[\"a/*b*/c//d\"]", "[\"\u{2028}\u{2029}\"]", "[\"\u{7F}\"]", "[\"€𝄞\"]",
  "[\"\\uFFFF\"]", "[\"\\u0000\"]", "[\"asd \"]", "[\"\u{10FFFF}\"]", "123", "\"x\"",
]

private let forbidden = [
  "", " ", "[", "]", "{", "}", "[1,]", "[,1]", "[1,,2]", "[,]", "[1 2]", "[1:2]", "[1", "[[1]",
  "[1]]", "[1],", "[]x", "[\"a\",\n4\n,1,", "{\"a\"}", "{\"a\":}", "{\"a\" 1}", "{\"a\"::1}",
  "{\"a\":1,}", "{,\"a\":1}", "{\"a\":1 \"b\":2}", "{a:1}", "{'a':1}", "{1:1}", "{\"a\":1",
  "{\"a\":1}{", "{null:1}", "{[]:1}", "[+1]", "[01]", "[-01]", "[-]", "[--1]", "[1.]", "[.5]",
  "[-.5]", "[1e]", "[1e+]", "[1E.3]", "[1.e2]", "[0e]", "[0x1]", "[1_000]", "[1 000]", "[1.2.3]",
  "[1+2]", "[2.e3]", "[9.e+]", "[0.3e+]", "[-foo]", "[- 1]", "[\u{FF11}]", "[NaN]", "[-NaN]",
  "[Infinity]", "[-Infinity]", "[nan]", "[inf]", "[1e999]", "[tru]", "[nul]", "[fals]", "[True]",
  "[TRUE]", "[truth]", "nulls", "[\"a]", "[a\"]", "[\"\\x00\"]", "[\"\\a\"]", "[\"\\\"]", "\"\\",
  "[\"\\u\"]", "[\"\\u00\"]", "[\"\\u00A\"]", "[\"\\u00G0\"]", "[\"\\U0041\"]", "[\"\\uD800\"]",
  "[\"\\uD800\\n\"]", "[\"\\uD800\\uD800\"]", "[\"\\uDC00\"]", "[\"\\uD800\\u0041\"]",
  "[\"\\uD834\\u\"]", "[\"\t\"]", "[\"\n\"]", "[\"\u{0}\"]", "[\"\u{1F}\"]", "['a']", "[\\n]",
  "/* a */ []", "[1 // one\n]", "# x\n[]", "\u{FEFF}[]", "[\u{A0}1]", "[\u{C}]", "[\u{B}]",
  "[\u{2060}]", "<null>", "[<null>]", "*", "@", "[\"a\"b]", "abc", "\"a\" \"b\"", "{\"a\":b}",
  "{}}", "[}", "{]", "[{\"a\":1]}", "::", "[\"\\🌀\"]", "\u{0}", "[1]\u{0}",
]
