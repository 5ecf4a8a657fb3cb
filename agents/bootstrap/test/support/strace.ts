/** A system call in strace's form, without the parts that differ from run to run. */
export interface Call {
  readonly thread: string;
  readonly name: string;
  readonly text: string;
}

const LINE = /^(\d+) +(\w+)\((.*)$/;

/** Makes traces comparable: temporary names and the numbers of descriptors differ from run to run. */
const normalise = (text: string, root: string): string =>
  text
    .replaceAll(root, '')
    .replaceAll(/\.[0-9a-f]{12}\.tmp/g, '.tmp')
    .replaceAll(/\b\d+</g, '<')
    .replace(/(?:, \d+)?(?:\) += .*| <unfinished .*)?$/, '');

/** Parses a trace of `strace -f -y` into its calls, in their order. */
export function parseTrace(trace: string, root: string): readonly Call[] {
  return trace.split('\n').flatMap((line) => {
    const [, thread, name, text] = LINE.exec(line) ?? [];
    if (thread === undefined || name === undefined || text === undefined) return [];
    return [{ thread, name, text: normalise(text, root) }];
  });
}
