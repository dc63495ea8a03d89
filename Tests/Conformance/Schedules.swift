// Rate and momentum of every step against PyTorch's scheduler as the official code moves it.

import ScrlNN

func scheduleRows(_ table: Table, _ folder: Fixtures) throws {
  let grid = try folder.array("schedules")
  var (rate, momentum) = (0.0, 0.0)
  for index in 0..<grid.shape[0] {
    let g = Array(grid.row(index))  // steps per epoch, epochs, warm-up, base, step, rate, momentum
    let total = Int(g[0] * g[1])
    let ours = try RateSchedule(base: g[3], warmupSteps: Int(g[0] * g[2]), totalSteps: total)
    let ema = try MomentumSchedule(start: 0.97, totalSteps: total)
    rate = max(rate, (ours.rate(step: Int(g[4])) - g[5]).magnitude / g[3])
    momentum = max(momentum, (ema.momentum(step: Int(g[4]) - 1) - g[6]).magnitude)
  }
  let derivation = "a cosine and ten operations in float64, argument ≤ π: 100·2⁻⁵³"
  table.row(
    "rate of \(grid.shape[0]) steps of 4 schedules, largest error / base", rate, 0, within: 1e-14,
    derivation)
  table.row(
    "EMA momentum of the same steps, largest error", momentum, 0, within: 1e-14, derivation)
}
