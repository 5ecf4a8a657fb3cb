/** A system call as strace tells it, with what differs from run to run taken out. */
export interface Call {
  readonly thread: string;
  readonly name: string;
  readonly text: string;
}

const LINE = /^(\d+) +(\w+)\((.*)$/;

/** `.hostname.0a1b2c3d4e5f.tmp` of any run is the same file, and a descriptor's number says nothing. */
const normalise = (text: string, root: string): string =>
  text
    .replaceAll(root, '')
    .replaceAll(/\.[0-9a-f]{12}\.tmp/g, '.tmp')
    .replaceAll(/\b\d+</g, '<')
    .replace(/(?:, \d+)?(?:\) += .*| <unfinished .*)?$/, '');

/** The calls of a trace made with `strace -f -y`, in their order. */
export function parseTrace(trace: string, root: string): readonly Call[] {
  return trace.split('\n').flatMap((line) => {
    const [, thread, name, text] = LINE.exec(line) ?? [];
    if (thread === undefined || name === undefined || text === undefined) return [];
    return [{ thread, name, text: normalise(text, root) }];
  });
}
