/** The probability, as a pair of bounds. */
export type Interval = readonly [low: number, high: number];

/**
 * The Wilson score interval of a probability of which `successes` of `trials` were seen. Unlike the textbook's
 * ± 2 standard deviations it says something true also of 0 of n and n of n.
 * Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927), pages 209–212.
 * @param z standard deviations; the default is for a confidence of 95 %
 */
export function wilsonInterval(successes: number, trials: number, z = 1.959964): Interval {
  if (trials === 0) return [0, 1];
  const rate = successes / trials;
  const spread = z * Math.sqrt((rate * (1 - rate)) / trials + (z * z) / (4 * trials * trials));
  const centre = rate + (z * z) / (2 * trials);
  const scale = 1 + (z * z) / trials;
  // At its ends it is exact; rounding must not say otherwise.
  const low = successes === 0 ? 0 : (centre - spread) / scale;
  const high = successes === trials ? 1 : (centre + spread) / scale;
  return [low, high];
}
