// How convolutions round: relative L2 errors to expect of float32, in the two algorithms.
// Letters: K products in a sum, C channels, T tiles.

/// Of a float32 sum of K products of random sign, uncut: after k of them the partial sum is near
/// σ√k and each addition rounds it by 2⁻²⁴/√3 rms, together σ√(K²/2)·2⁻²⁴/√3, relative to σ√K.
package func sumRounding(_ count: Int) -> Double {
  0x1p-24 * (Double(count) / 6).squareRoot() + 0x1p-24
}

/// How much larger a relative error of the products in Winograd's F(4×4, 3×3) is in the result.
/// Along one axis y = Aᵀ[(G·w) ⊙ (B·x)], here with the points 0, ±5/8, ±3/2, ∞ of oneDNN. Its six
/// products have variances |Gₖ|²|Bₖ|² (rows) for w and x of variance 1; an error ρ of each reaches
/// the four y as ρ²·Σₖ |Aₖ|²|Gₖ|²|Bₖ|², while the y themselves have 4·3. The ratio is 4.8·ρ² (with
/// the tiles that a map's end cuts, 4.5 to 5.5), along two axes its square: 4.8 times ρ. The
/// weight's gradient is Gᵀ[(A·dy) ⊙ (B·x)], three of variance 4: the same sum, the same ratio.
package let winogradAmplification = 5.0

/// And in that of stride 2: the points ±3/8, ±5/4, ∞ for the odd cells, one product for the even ones.
/// The same sums give 2.2, and up to 3.3 where a map's end leaves a tile one output.
private let stridedAmplification = 3.3

/// Of Winograd's convolution whose products are summed over C channels (the weight's gradient: T
/// tiles of 4×4). Six passes of transforms, two each of x, w and y, add to what the sum rounds:
/// three roundings of 2⁻²⁴/√3 each, and once more for partial values above the result: √12·2⁻²⁴.
package func winogradRounding(_ count: Int, stride: Int = 1) -> Double {
  let amplification = stride == 1 ? winogradAmplification : stridedAmplification
  let transforms = 12.0.squareRoot() * 0x1p-24
  let sum = sumRounding(count)
  return 1.5 * amplification * (sum * sum + transforms * transforms).squareRoot()
}
