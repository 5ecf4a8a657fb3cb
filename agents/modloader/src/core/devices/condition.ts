import { EXIT, KiosError } from '@kios/errors';

/** What `--wait-for` waits for: an interface of the network or a path. */
export interface Condition {
  /** As the command line has it. */
  readonly text: string;
  /** The path that exists once it holds. */
  readonly path: string;
}

/** Names of interfaces: IFNAMSIZ, and what dev_valid_name of the kernel allows. */
const INTERFACE = /^(?!\.{1,2}$)[^/:\s]{1,15}$/;

/** Reads `net:NAME` or `path:/…`. `sys` is where sysfs is. */
export function parseCondition(text: string, sys = '/sys'): Condition {
  const [, kind, what = ''] = /^(net|path):(.+)$/.exec(text) ?? [];
  if (kind === 'net' && INTERFACE.test(what)) return { text, path: `${sys}/class/net/${what}` };
  if (kind === 'path' && /^\/[^\0]+$/.test(what)) return { text, path: what };
  throw new KiosError('KIOS_USAGE', `wait for ${JSON.stringify(text)}`, {
    exitCode: EXIT.usage,
    remedy: 'Use net:NAME, such as net:eth0, or path:/… with a full path.',
  });
}
