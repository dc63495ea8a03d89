// Where cells lie, what blind and perfect matches cost, and which cell is taken.

import ScrlBase
import ScrlImage
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlEvaluation

private func pair(_ one: Crop, _ two: Crop, flips: (Bool, Bool) = (false, false)) -> CellPair {
  CellPair(
    ViewGeometry(crop: one, flipped: flips.0), ViewGeometry(crop: two, flipped: flips.1),
    height: 4, width: 4)
}

@Suite("Correspondence")
struct CorrespondenceTests {
  private let whole = Crop(y: 10, x: 20, height: 40, width: 80)

  @Test("a cell's centre is that of its share of the crop; a mirrored one counts from the right")
  func places() {
    let plain = pair(whole, whole, flips: (false, true))
    #expect(plain.placeInOne(0) == (30, 15) && plain.placeInOne(7) == (90, 25))
    #expect(plain.placeInTwo(0) == (90, 15) && plain.placeInTwo(7) == (30, 25))
    #expect(plain.cellOfTwo == (20, 10))
  }

  @Test("only cells whose centre the other view shows are asked, on a grid of at most so many")
  func overlap() {
    #expect(pair(whole, whole).overlapping(grid: 16).count == 16)
    #expect(pair(whole, whole).overlapping(grid: 2) == [5, 7, 13, 15])
    let right = Crop(y: 10, x: 60, height: 40, width: 80)
    #expect(pair(whole, right).overlapping(grid: 4) == [2, 3, 6, 7, 10, 11, 14, 15])
    #expect(pair(whole, right, flips: (true, false)).overlapping(grid: 4).contains(0))
    #expect(pair(whole, Crop(y: 60, x: 0, height: 9, width: 9)).overlapping(grid: 4).isEmpty)
  }

  @Test("perfect matches of mirrored views have no error, blind ones the mean of all distances")
  func errors() throws {
    let cells = pair(whole, whole, flips: (false, true))
    let asked = cells.overlapping(grid: 4)
    var errors = MatchErrors()
    errors.add(cells, asked, asked.map { $0 / 4 * 4 + 3 - $0 % 4 })
    let report = try errors.report(of: 3)
    #expect(report.meanError == 0 && report.medianError == 0 && report.withinCell == 1)
    #expect((report.leastError, report.cells, report.images, report.leftOut) == (0, 16, 1, 2))
    var (sum, near) = (0.0, 0.0)
    for a in 0..<16 {
      for b in 0..<16 {
        let dx = 20 * Double((a % 4 - b % 4).magnitude)
        let dy = 10 * Double((a / 4 - b / 4).magnitude)
        sum += (dx * dx + dy * dy).squareRoot()
        near += dx <= 20 && dy <= 10 ? 1 : 0
      }
    }
    #expect((report.chanceError - sum / 256).magnitude < 1e-9)
    #expect(report.chanceWithin == near / 256)
    #expect(throws: ScrlError.self) { _ = try MatchErrors().report(of: 3) }
  }

  @Test("the median of an even count is the middle of both; a wrong match costs its distance")
  func median() throws {
    let cells = pair(whole, whole)
    var errors = MatchErrors()
    errors.add(cells, [0, 0, 0, 0], [0, 0, 1, 3])  // 0, 0, 20, 60 pixels
    let report = try errors.report(of: 1)
    #expect((report.meanError, report.medianError, report.withinCell) == (20, 10, 0.75))
  }

  @Test("the cell with the largest cosine is found, whatever the lengths of the vectors")
  func closest() throws {
    let (channels, cells) = (8, 9)
    let one = numbers(channels * cells, tag: 3)
    let order = [4, 0, 7, 2, 8, 1, 3, 6, 5]
    var two = [Float](repeating: 0, count: one.count)
    for c in 0..<channels {
      for (cell, target) in order.enumerated() {
        two[c * cells + target] = one[c * cells + cell] * Float(1 + target)
      }
    }
    let shape = [1, channels, 3, 3]
    let found = try closestCells(
      try Tensor(one, shape: shape), [0, 3, 8], try Tensor(two, shape: shape), try testEngine())
    #expect(found == [4, 2, 5])
    let same = try Tensor([Float](repeating: 1, count: one.count), shape: shape)
    #expect(try closestCells(same, [5], same, try testEngine()) == [0])
  }
}
