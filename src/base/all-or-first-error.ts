/** A failure is told when everything that was begun has ended: what follows clears away, and must not be overtaken. */
export async function allOrFirstError<const T extends readonly unknown[]>(
  begun: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(begun);
  return Promise.all(begun);
}
