// Objects and detections sorted into cells, one for each class and image that has any. Within a
// cell, objects keep their order; detections are ordered by score, the best so many are kept, and
// equal scores keep their order too (pycocotools sorts by a stable merge sort).

import ScrlBase

struct CocoCells {
  struct Cell {
    let category: Int
    var objects: Range<Int>  // places in objectOrder
    var detections: Range<Int>  // places in detectionOrder, of which `kept` count
    var kept: Int
  }

  private(set) var cells: [Cell] = []
  private(set) var objectOrder: [Int] = []
  private(set) var detectionOrder: [Int] = []
  private(set) var cellsOfCategory: [Range<Int>] = []

  /// Detections that do not count, and the cells that have such.
  var beyond: (detections: Int, cells: Int) {
    let fuller = cells.filter { $0.kept < $0.detections.count }
    return (fuller.reduce(0) { $0 + $1.detections.count - $1.kept }, fuller.count)
  }

  /// - Parameter most: detections of a cell that count.
  init(
    _ objects: [CocoObject], _ detections: [CocoDetection], categories: Int, most: Int,
    _ workers: Workers
  ) {
    let images = ranks(objects.map(\.image) + detections.map(\.image))
    let (ofObjects, ofDetections) = (images[..<objects.count], images[objects.count...])
    objectOrder = ordered(Array(ofObjects), objects.map(\.category))
    detectionOrder = ordered(Array(ofDetections), detections.map(\.category))
    let objectKeys = objectOrder.map { (objects[$0].category, objects[$0].image) }
    let detectionKeys = detectionOrder.map { (detections[$0].category, detections[$0].image) }
    var (i, j) = (0, 0)
    while i < objectKeys.count || j < detectionKeys.count {
      let end = (Int.max, Int.max)
      let objectKey = i < objectKeys.count ? objectKeys[i] : end
      let detectionKey = j < detectionKeys.count ? detectionKeys[j] : end
      let key = detectionKey < objectKey ? detectionKey : objectKey
      let (a, b) = (i, j)
      while i < objectKeys.count, objectKeys[i] == key { i += 1 }
      while j < detectionKeys.count, detectionKeys[j] == key { j += 1 }
      cells.append(
        Cell(category: key.0, objects: a..<i, detections: b..<j, kept: min(j - b, most)))
    }
    var start = 0
    for category in 0..<categories {
      var end = start
      while end < cells.count, cells[end].category == category { end += 1 }
      cellsOfCategory.append(start..<end)
      start = end
    }
    sortByScore(detections, workers)
  }

  private mutating func sortByScore(_ detections: [CocoDetection], _ workers: Workers) {
    let cells = self.cells
    detectionOrder.withUnsafeMutableBufferPointer { order in
      let order = order
      workers.ranges(cells.count, grain: 64) { range in
        for cell in cells[range] where cell.detections.count > 1 {
          var part = UnsafeMutableBufferPointer(rebasing: order[cell.detections])
          part.sort { a, b in
            let (left, right) = (detections[a].score, detections[b].score)
            return left == right ? a < b : left > right
          }
        }
      }
    }
  }
}

/// Every number's place among the distinct ones.
private func ranks(_ numbers: [Int]) -> [Int] {
  let distinct = Set(numbers).sorted()
  let place = Dictionary(uniqueKeysWithValues: zip(distinct, 0...))
  return numbers.map { place[$0] ?? 0 }
}

/// Places by category, then by image, then as they came: two stable counting sorts.
private func ordered(_ images: [Int], _ categories: [Int]) -> [Int] {
  counted(counted(Array(images.indices), images), categories)
}

private func counted(_ order: [Int], _ keys: [Int]) -> [Int] {
  var starts = [Int](repeating: 0, count: (keys.max() ?? 0) + 2)
  for key in keys { starts[key + 1] += 1 }
  for key in 1..<starts.count { starts[key] += starts[key - 1] }
  var sorted = order
  for place in order {
    sorted[starts[keys[place]]] = place
    starts[keys[place]] += 1
  }
  return sorted
}
