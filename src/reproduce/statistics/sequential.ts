/**
 * Wald's sequential probability ratio test: after every trial it is asked whether the evidence suffices, so that no more
 * trials are made than are needed. Source: A. Wald, Annals of Mathematical Statistics 16 (1945), pages 117–186.
 *
 * A configuration that shows the symptom with probability `shows` or more is called interesting, one with `background` or
 * less is not; each with an error of at most `error`. Of one between the two, either may be said.
 */
export type SequentialTest = Readonly<{ shows: number; background: number; error: number }>;

export type Verdict = "interesting" | "uninteresting" | "undecided";

/** What so many trials with, and so many without, the symptom say. */
export function verdict(test: SequentialTest, withSymptom: number, without: number): Verdict {
  const seen = evidence(test, withSymptom, without);
  const enough = Math.log((1 - test.error) / test.error);
  if (seen >= enough) return "interesting";
  return seen <= -enough ? "uninteresting" : "undecided";
}

/** The logarithm of how much likelier this is of something interesting than of something that is not. */
export function evidence(test: SequentialTest, withSymptom: number, without: number): number {
  return (
    withSymptom * Math.log(test.shows / test.background) + without * Math.log((1 - test.shows) / (1 - test.background))
  );
}

/** So many more trials it takes at least, if they all show the symptom or none does. */
export function trialsToVerdict(test: SequentialTest, withSymptom: number, without: number): number {
  for (let more = 1; ; more++)
    if (
      verdict(test, withSymptom + more, without) !== "undecided" ||
      verdict(test, withSymptom, without + more) !== "undecided"
    )
      return more;
}

/** So many trials it takes to call something uninteresting that never shows the symptom: the longest of the usual cases. */
export function trialsWithoutSymptom(test: SequentialTest): number {
  for (let trials = 1; ; trials++) if (verdict(test, 0, trials) === "uninteresting") return trials;
}

/**
 * The test by which smaller sets of factors are judged. One that shows the symptom as often as the whole set does, by its
 * lower bound, is to be found interesting; one that shows it a twelfth as often is not.
 * @param low the lower bound of the probability with all factors
 * @param decisions at most so many are to be made; together they err with a probability of at most `error`
 */
export function testFor(low: number, decisions: number, error: number): SequentialTest {
  const shows = Math.min(0.95, low);
  return { shows, background: shows / 12, error: error / decisions };
}
