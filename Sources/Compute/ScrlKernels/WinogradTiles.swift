// Where the tiles of Winograd's convolution lie in blocked activations, and their way in and out.
// Letters: N images, C channels, H×W cells, b channels per block, T tiles, P points along an axis.
// Tiles are numbered through all images, row by row. Cells outside a map count as zeros.

import ScrlTensor

struct WinogradTiles {
  let shape: ActivationShape
  private let side: Int  // of a tile, in cells
  private let rows, columns: Int  // of tiles in a map
  var count: Int { shape.images * rows * columns }
  var groups: Int { shape.channels / Winograd.lanes }

  init(_ shape: ActivationShape, side: Int) {
    (self.shape, self.side) = (shape, side)
    rows = (shape.height + side - 1) / side
    columns = (shape.width + side - 1) / side
  }

  /// The map of eight channels in which a tile lies, and the tile's first cell.
  @inline(__always)
  private func place(_ tile: Int, _ group: Int) -> (map: Int, row: Int, column: Int) {
    let (line, column) = tile.quotientAndRemainder(dividingBy: columns)
    let (image, row) = line.quotientAndRemainder(dividingBy: rows)
    let (block, lane) = (group &* Winograd.lanes).quotientAndRemainder(dividingBy: shape.block)
    return (
      shape.offset(image: image, block: block, cell: 0) &+ lane, row &* side, column &* side
    )
  }

  /// Where points lie: those of the k-th tile from first + (k/6)·six + (k mod 6)·step on, one in
  /// each plane.
  struct Place {
    let first, six, step, plane: Int

    @inline(__always)
    func callAsFunction(_ k: Int) -> Int {
      let (sixes, rest) = k.quotientAndRemainder(dividingBy: 6)
      return first &+ sixes &* six &+ rest &* step
    }
  }

  /// The cells that each tile reads, as P×P points.
  /// - Parameters:
  ///   - edge: room for `Maps.edge` floats.
  ///   - map: along an axis.
  @inline(__always)
  func gather(
    _ x: UnsafePointer<Float>, _ tiles: Range<Int>, group: Int, _ reads: WinogradReads,
    into y: Winograd.Cells, _ place: Place, _ edge: Winograd.Cells, by map: WinogradMap
  ) {
    gatherStrips(x, tiles, group, reads, rows: reads.points, edge, down: map) { from, lanes, k in
      for row in 0..<reads.points {
        map(
          from + row &* lanes, Winograd.lanes,
          y + (place(k) &+ row &* reads.points &* place.plane), place.plane)
      }
    }
  }

  /// One row of them, P points.
  @inline(__always)
  func gather(
    row: WinogradRow, _ x: UnsafePointer<Float>, _ tiles: Range<Int>, group: Int,
    _ reads: WinogradReads, into y: Winograd.Cells, _ place: Place, _ edge: Winograd.Cells,
    by map: WinogradMap
  ) {
    gatherStrips(x, tiles, group, reads, rows: 1, edge) { cells, line, to, _ in
      store(row(cells, line, cells: reads.window), to, 0)
    } across: { from, _, k in
      map(from, Winograd.lanes, y + place(k), place.plane)
    }
  }

  /// Along the columns of cells that tiles read, then along the rows of what that gave. Tiles side by
  /// side share columns: they go together.
  /// - Parameters:
  ///   - down: cells, floats to the next → `rows` results, floats to the next.
  ///   - across: a tile's first result, floats to the next row of results, number in `tiles`.
  @inline(__always)
  private func gatherStrips(
    _ x: UnsafePointer<Float>, _ tiles: Range<Int>, _ group: Int, _ reads: WinogradReads,
    rows: Int, _ edge: Winograd.Cells, down: WinogradMap,
    across: (UnsafePointer<Float>, Int, Int) -> Void
  ) {
    let (before, window, cell) = (reads.before, reads.window, shape.block)
    var tile = tiles.lowerBound
    while tile < tiles.upperBound {
      let at = place(tile, group)
      let count = min(Winograd.strip, columns &- at.column / side, tiles.upperBound &- tile)
      let width = (count &- 1) &* side &+ window
      let (top, left) = (at.row &- before, at.column &- before)
      let inside = max(0, -left)..<min(width, shape.width &- left)
      var (line, step) = (shape.width &* cell, cell)
      var from = x + (at.map &+ top &* line &+ left &* cell)
      if top < 0 || top &+ window > shape.height {
        for row in 0..<window {
          let to = edge + row &* width &* Winograd.lanes
          let isInside = top &+ row >= 0 && top &+ row < shape.height
          for column in inside {
            let value = isInside ? eightLanes(from, row &* line &+ column &* cell) : Eight()
            store(value, to, column &* Winograd.lanes)
          }
        }
        (from, line, step) = (UnsafePointer(edge), width &* Winograd.lanes, Winograd.lanes)
      }
      let middle = edge + window &* width &* Winograd.lanes
      let lanes = width &* Winograd.lanes
      for column in 0..<width {
        let to = middle + column &* Winograd.lanes
        if inside.contains(column) {
          down(from + column &* step, line, to, lanes)
        } else {
          for row in 0..<rows { store(Eight(), to, row &* lanes) }
        }
      }
      for number in 0..<count {
        across(
          middle + number &* side &* Winograd.lanes, lanes, tile &- tiles.lowerBound &+ number)
      }
      tile &+= count
    }
  }

  /// The P×P points of each tile as its results.
  /// - Parameters:
  ///   - m: point p of the k-th tile is at m + p·stride + step·k.
  ///   - edge: room for `Maps.edge` floats.
  @inline(__always)
  func scatterOutputs<Maps: WinogradMaps>(
    _ maps: Maps.Type, _ m: UnsafePointer<Float>, _ tiles: Range<Int>, group: Int, step: Int,
    stride: Int, _ finish: WinogradFinish, into y: UnsafeMutablePointer<Float>,
    _ edge: Winograd.Cells
  ) {
    let (height, width, cell) = (shape.height, shape.width, shape.block)
    let outputs = edge + Maps.target &* Maps.reach &* Winograd.lanes
    let (reached, side) = (Maps.reach &* Winograd.lanes, Maps.target &* Winograd.lanes)
    let isPlain = finish.bias == nil && !finish.adds && !finish.relu
    let bias = finish.bias.map { eightLanes($0, group &* Winograd.lanes) }
    for tile in tiles {
      let points = m + (tile &- tiles.lowerBound) &* step
      for column in 0..<Maps.reach {
        Maps.output(
          points + column &* stride, Maps.reach &* stride, edge + column &* Winograd.lanes, reached)
      }
      let at = place(tile, group)
      let map = y + at.map
      if isPlain, at.row &+ Maps.target <= height, at.column &+ Maps.target <= width {
        for row in 0..<Maps.target {
          let line = map + ((at.row &+ row) &* width &+ at.column) &* cell
          Maps.output(edge + row &* reached, Winograd.lanes, line, cell)
        }
        continue
      }
      for row in 0..<Maps.target {
        Maps.output(
          edge + row &* reached, Winograd.lanes, outputs + row &* side, Winograd.lanes)
      }
      for row in 0..<min(Maps.target, height &- at.row) {
        let line = map + ((at.row &+ row) &* width &+ at.column) &* cell
        for column in 0..<min(Maps.target, width &- at.column) {
          var value = eightLanes(outputs, row &* side &+ column &* Winograd.lanes)
          if let bias { value += bias }
          if finish.adds { value += eightLanes(line, column &* cell) }
          if finish.relu { value.replace(with: 0, where: .!(value .> 0)) }
          store(value, line, column &* cell)
        }
      }
    }
  }
}

/// What inference does with an output on its way to memory.
struct WinogradFinish {
  var bias: UnsafePointer<Float>?  // (C)
  var adds = false  // what is there already
  var relu = false
}
