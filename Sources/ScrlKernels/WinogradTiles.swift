// Where the tiles of Winograd's convolution lie in blocked activations, and their way in and out.
// Letters: N images, C channels, H×W cells, b channels per block, T tiles of 4×4 cells.
// Tiles are numbered through all images, row by row. Cells outside a map count as zeros.

import ScrlTensor

struct WinogradTiles {
  let shape: ActivationShape
  private let rows, columns: Int  // of tiles in a map
  var count: Int { shape.images * rows * columns }
  var groups: Int { shape.channels / Winograd.lanes }

  init(_ shape: ActivationShape) {
    self.shape = shape
    rows = (shape.height + Winograd.tile - 1) / Winograd.tile
    columns = (shape.width + Winograd.tile - 1) / Winograd.tile
  }

  /// The map of eight channels in which a tile lies, and the tile's first cell.
  @inline(__always)
  private func place(_ tile: Int, _ group: Int) -> (map: Int, row: Int, column: Int) {
    let (line, column) = tile.quotientAndRemainder(dividingBy: columns)
    let (image, row) = line.quotientAndRemainder(dividingBy: rows)
    let (block, lane) = (group &* Winograd.lanes).quotientAndRemainder(dividingBy: shape.block)
    return (
      shape.offset(image: image, block: block, cell: 0) &+ lane, row &* Winograd.tile,
      column &* Winograd.tile
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

  /// The six by six inputs of each tile, one cell beyond it on all sides, as 36 points.
  /// - Parameter edge: room for 36 cells of eight.
  func gatherInputs(
    _ x: UnsafePointer<Float>, _ tiles: Range<Int>, group: Int, into y: Winograd.Cells,
    _ place: Place, _ edge: Winograd.Cells
  ) {
    gather(x, tiles, group, 1, Winograd.reach, edge) { from, line, cell, k in
      let middle = edge + Winograd.points &* Winograd.lanes
      for column in 0..<Winograd.reach {
        Winograd.input(from + column &* cell, line, middle + column &* 8, 48)
      }
      for row in 0..<Winograd.reach {
        Winograd.input(
          middle + row &* 48, 8, y + (place(k) &+ row &* Winograd.reach &* place.plane),
          place.plane)
      }
    }
  }

  /// The gradients of each tile's outputs as 36 points. Other parameters as above.
  func gatherOutputGradients(
    _ dy: UnsafePointer<Float>, _ tiles: Range<Int>, group: Int, into y: Winograd.Cells,
    _ place: Place, _ edge: Winograd.Cells
  ) {
    gather(dy, tiles, group, 0, Winograd.tile, edge) { from, line, cell, k in
      let middle = edge + Winograd.points &* Winograd.lanes
      for column in 0..<Winograd.tile {
        Winograd.outputGradient(from + column &* cell, line, middle + column &* 8, 32)
      }
      for row in 0..<Winograd.reach {
        Winograd.outputGradient(
          middle + row &* 32, 8, y + (place(k) &+ row &* Winograd.reach &* place.plane),
          place.plane)
      }
    }
  }

  /// Calls body(cells, floats to the next line, to the next cell, number in `tiles`) for each tile
  /// of `side` cells that begin `before` its own; where it leaves the map, `edge` holds its cells.
  @inline(__always)
  private func gather(
    _ x: UnsafePointer<Float>, _ tiles: Range<Int>, _ group: Int, _ before: Int, _ side: Int,
    _ edge: Winograd.Cells, _ body: (UnsafePointer<Float>, Int, Int, Int) -> Void
  ) {
    let (height, width, cell) = (shape.height, shape.width, shape.block)
    for tile in tiles {
      let at = place(tile, group)
      let (top, left) = (at.row &- before, at.column &- before)
      let number = tile &- tiles.lowerBound
      let map = x + at.map
      if top >= 0, left >= 0, top &+ side <= height, left &+ side <= width {
        body(map + (top &* width &+ left) &* cell, width &* cell, cell, number)
        continue
      }
      for row in 0..<side {
        for column in 0..<side {
          let (h, w) = (top &+ row, left &+ column)
          let isInside = h >= 0 && h < height && w >= 0 && w < width
          let value = isInside ? eightLanes(map, (h &* width &+ w) &* cell) : Eight()
          store(value, edge, (row &* side &+ column) &* Winograd.lanes)
        }
      }
      body(edge, side &* Winograd.lanes, Winograd.lanes, number)
    }
  }

  /// The 36 points of each tile as its four by four outputs.
  /// - Parameters:
  ///   - m: point p of the k-th tile is at m + p·stride + step·k.
  ///   - edge: room for 36 cells of eight.
  func scatterOutputs(
    _ m: UnsafePointer<Float>, _ tiles: Range<Int>, group: Int, step: Int, stride: Int,
    _ finish: WinogradFinish, into y: UnsafeMutablePointer<Float>, _ edge: Winograd.Cells
  ) {
    let (height, width, cell) = (shape.height, shape.width, shape.block)
    let outputs = edge + 24 &* Winograd.lanes
    let bias = finish.bias.map { eightLanes($0, group &* Winograd.lanes) }
    for tile in tiles {
      let points = m + (tile &- tiles.lowerBound) &* step
      for column in 0..<Winograd.reach {
        Winograd.output(
          points + column &* stride, Winograd.reach &* stride, edge + column &* 8, 48)
      }
      for row in 0..<Winograd.tile {
        Winograd.output(edge + row &* 48, 8, outputs + row &* 32, 8)
      }
      let at = place(tile, group)
      let map = y + at.map
      for row in 0..<min(Winograd.tile, height &- at.row) {
        let line = map + ((at.row &+ row) &* width &+ at.column) &* cell
        for column in 0..<min(Winograd.tile, width &- at.column) {
          var value = eightLanes(outputs, row &* 32 &+ column &* 8)
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
