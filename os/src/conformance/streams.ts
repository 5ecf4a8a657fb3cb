/** Specs that need the cluster to themselves. */
const ALONE = /\[(?:Serial|Disruptive)\]/;

const inBatches = (names: readonly string[], size: number): string[][] =>
  Array.from({ length: Math.ceil(names.length / size) }, (_, index) =>
    names.slice(index * size, (index + 1) * size),
  );

/** Takes batch after batch. A failure leaves none for the other streams. */
async function drain(
  queue: string[][],
  run: (names: readonly string[]) => Promise<void>,
): Promise<void> {
  try {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await run(next);
  } catch (error) {
    queue.length = 0;
    throw error;
  }
}

/**
 * Runs specs in batches, `streams` of them at a time, and then those that need the cluster to themselves. When no batch
 * runs any more, it throws what one threw.
 */
export async function runInStreams(
  names: readonly string[],
  { streams, batch }: { readonly streams: number; readonly batch: number },
  run: (names: readonly string[]) => Promise<void>,
): Promise<void> {
  const [alone, beside] = [true, false].map((isAlone) =>
    inBatches(
      names.filter((name) => ALONE.test(name) === isAlone),
      batch,
    ),
  );
  const ended = await Promise.allSettled(
    Array.from({ length: streams }, async () => drain(beside!, run)),
  );
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  await drain(alone!, run);
}
