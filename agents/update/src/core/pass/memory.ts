import * as v from 'valibot';

const Digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const System = v.object({
  generation: v.number(),
  digest: Digest,
  /** The version that it says it is; absent of one that has not run. */
  version: v.optional(v.string()),
});

const Memory = v.object({
  v: v.literal(1),
  /** Which file a generation is, so that none has to be read again. */
  systems: v.array(System),
  /** What the next boot tries, or what was being written; it says nothing about another boot. */
  staged: v.optional(
    v.object({
      generation: v.number(),
      digest: Digest,
      bootId: v.string(),
      isReady: v.boolean(),
    }),
  ),
  /** The systems that this node came back from, and why. */
  failed: v.array(v.object({ digest: Digest, why: v.string() })),
  /** A failed generation that init still names in this boot, and that a person has forgiven. */
  forgiven: v.optional(v.object({ generation: v.number(), bootId: v.string() })),
});

/** What the agent keeps over its own ends and over boots. Without it a system is read again, and nothing breaks. */
export type Memory = Readonly<v.InferOutput<typeof Memory>>;

export const NO_MEMORY: Memory = { v: 1, systems: [], failed: [] };

/** A medium holds two or three systems, and few ever fail. */
const KEPT = 8;

/** Reads the file's text; one that is damaged is as good as none. */
export function parseMemory(text: string | undefined): Memory {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Memory), text);
  return parsed.success ? parsed.output : NO_MEMORY;
}

export const formatMemory = (memory: Memory): string => `${JSON.stringify(memory)}\n`;

export const digestIn = ({ systems }: Memory, generation: number | undefined): string | undefined =>
  systems.find((system) => system.generation === generation)?.digest;

export const highestIn = ({ systems }: Memory): number =>
  Math.max(0, ...systems.map(({ generation }) => generation));

/** Notes which file a generation is. */
export function remember(
  memory: Memory,
  generation: number,
  digest: string,
  version?: string,
): Memory {
  const others = memory.systems.filter((system) => system.generation !== generation);
  const system = { generation, digest, ...(version === undefined ? {} : { version }) };
  return { ...memory, systems: [...others, system].slice(-KEPT) };
}

export const isNoted = ({ systems }: Memory, generation: number, version: string): boolean =>
  systems.some((system) => system.generation === generation && system.version === version);

/** Whether what is remembered is of this medium: one that was flashed anew begins with the first number again. */
export const isOfMedium = ({ systems }: Memory, running: number, version: string): boolean =>
  systems.every(
    (system) =>
      system.generation !== running || system.version === undefined || system.version === version,
  );

export function noteFailure(memory: Memory, digest: string, why: string): Memory {
  if (memory.failed.some((failed) => failed.digest === digest)) return memory;
  return { ...memory, failed: [...memory.failed, { digest, why }].slice(-KEPT) };
}

/** Forgets that a system failed; the memory stays the same where it has not. */
export function forgetFailure(memory: Memory, digest: string): Memory {
  const failed = memory.failed.filter((one) => one.digest !== digest);
  return failed.length === memory.failed.length ? memory : { ...memory, failed };
}

/** Notes what is staged in this boot; undefined when nothing is any more. */
export function noteStaged(memory: Memory, staged: Memory['staged']): Memory {
  const { staged: _before, ...rest } = memory;
  return staged === undefined ? rest : { ...rest, staged };
}

/** Forgets all failures, also that which init names in this boot. */
export function forgive(memory: Memory, generation: number | undefined, bootId: string): Memory {
  const forgiven = generation === undefined ? {} : { forgiven: { generation, bootId } };
  return { ...memory, failed: [], ...forgiven };
}

export const isForgiven = (
  { forgiven }: Memory,
  generation: number | undefined,
  bootId: string,
): boolean => forgiven?.generation === generation && forgiven?.bootId === bootId;
