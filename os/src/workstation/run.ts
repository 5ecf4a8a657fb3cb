import { KiosError, EXIT } from '@kios/errors';
import { execa, type Options } from 'execa';

/** The failure of a program that had to succeed, with the last lines of its output. */
export class CommandError extends KiosError {
  constructor(command: string, detail: string, remedy?: string) {
    super('KIOS_COMMAND', `run ${command}: ${detail}`, {
      exitCode: EXIT.system,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** Milliseconds after which the program is killed. */
  readonly timeoutMs?: number;
  /** Called for each line of standard output and standard error, for progress notes. */
  readonly onLine?: (line: string) => void;
}

const tail = (text: string): string => text.trim().split('\n').slice(-12).join('\n');

const settingsOf = ({ input, cwd, env, signal, timeoutMs }: RunOptions): Options => ({
  reject: false,
  stdin: input === undefined ? 'ignore' : 'pipe',
  all: true,
  ...(input === undefined ? {} : { input }),
  ...(cwd === undefined ? {} : { cwd }),
  ...(env === undefined ? {} : { env }),
  ...(signal === undefined ? {} : { cancelSignal: signal }),
  ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
});

/** Runs a program to its end and returns its standard output; throws a CommandError with the cause. */
export async function run(
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const child = execa(file, args, settingsOf(options));
  if (options.onLine !== undefined)
    for await (const line of child.iterable({ from: 'all' })) options.onLine(String(line));
  const result = await child;
  if (!result.failed) return String(result.stdout);
  const missing = result.code === 'ENOENT';
  throw new CommandError(
    [file, ...args.slice(0, 3)].map((word) => (word.includes('\n') ? '…' : word)).join(' '),
    missing ? 'no such program' : tail(String(result.all)) || String(result.shortMessage),
    missing ? `Install ${file}, or run ./kios up, which installs what it needs.` : undefined,
  );
}
