/**
 * The bits of 2/π, cut as argument reduction needs them (Payne & Hanek, "Radian reduction for trigonometric
 * functions", SIGNUM Newsletter 18, 1983). 2¹⁰²³ needs 1,200 of them.
 */

/** 2/π = 0.a2f9836e… in hexadecimal, 1,216 bits. */
const HEX =
  'a2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561b7246e3a424d' +
  'd2e006492eea09d1921cfe1deb1cb129a73ee88235f52ebb4484e99c7026b45f7e413991d639' +
  '835339f49c845f8bbdf9283b1ff897ffde05980fef2f118b5a0a6d1f6d367ecf27cb09b74f46' +
  '3f669e5fea2d7527bac7ebe5f17b3d0739f78a5292ea6bfb5fb11f8d5d0856033046fc7b6bab';
const BITS = HEX.length * 4;

/** Bits `from` to `to` (at most 53 of them) after the binary point of 2/π, in their place: Σ bitᵢ·2⁻ⁱ⁻¹. */
export function twoOverPiBits(from: number, to: number): number {
  const digits = (BigInt(`0x${HEX}`) >> BigInt(BITS - to)) & ((1n << BigInt(to - from)) - 1n);
  return Number(digits) * 2 ** -to;
}

/**
 * 2/π in the signed digits Wₖ, |Wₖ| ≤ 2⁵¹, of base 2⁵²: 2/π = 2^`lead` · Σ Wₖ·2⁻⁵²⁽ᵏ⁺¹⁾. Signed, because then a digit
 * splits into two signed halves of 25 bits, and products stay exact that would need one bit more.
 */
export function twoOverPiDigits(lead: number, count: number): readonly number[] {
  const shift = BigInt(52 * count - lead - BITS);
  const all = BigInt(`0x${HEX}`);
  let rest = shift < 0n ? all >> -shift : all << shift;
  const digits: number[] = [];
  for (let k = 0; k < count; k++) {
    const digit = BigInt.asIntN(52, rest);
    digits.unshift(Number(digit));
    rest = (rest - digit) >> 52n;
  }
  return digits;
}
