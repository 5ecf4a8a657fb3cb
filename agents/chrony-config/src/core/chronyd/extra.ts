import { canonicalIp } from '../sources/address.ts';
import { isOperatorFile } from '../sources/time-config.ts';

/** Returns why an argument is none of its kind; undefined when it is one. `folder` is the operator's. */
type Kind = (argument: string, folder: string) => string | undefined;

const NUMBER = /^\d{1,9}(?:\.\d{1,9})?(?:e-?\d{1,2})?$/i;

/** chronyd itself takes a number's first characters for the number, and negative ones for large ones. */
const number: Kind = (text) => (NUMBER.test(text) ? undefined : 'is not a number from 0 on');
/** What chronyd divides by, or may not correct a clock without. */
const positive: Kind = (text) =>
  NUMBER.test(text) && Number(text) > 0 ? undefined : 'is not a number above 0';
const whole =
  (least: number, most: number): Kind =>
  (text) =>
    /^\d{1,10}$/.test(text) && Number(text) >= least && Number(text) <= most
      ? undefined
      : `is not a whole number from ${least} to ${most}`;
const word =
  (...words: readonly string[]): Kind =>
  (text) =>
    words.includes(text.toLowerCase()) ? undefined : `is not one of ${words.join(', ')}`;
const address: Kind = (text) =>
  canonicalIp(text) === undefined ? 'is not an IP address' : undefined;
const link: Kind = (text) =>
  /^[A-Za-z0-9_.-]{1,15}$/.test(text) ? undefined : 'is not a network interface';
const file: Kind = (text, folder) =>
  isOperatorFile(text, folder) ? undefined : `is not a file below ${folder}`;

/**
 * The directives that a client may tune, and their arguments (chrony.conf(5)). chronyd does not start with an unknown
 * directive, a wrong argument or one too many, so this is all that it is given. Nor does it start when the port of
 * `acquisitionport` is another program's, or one that takes a capability.
 */
const DIRECTIVES: Readonly<Record<string, readonly Kind[]>> = {
  authselectmode: [word('require', 'prefer', 'mix', 'ignore')],
  bindacqaddress: [address],
  bindacqdevice: [link],
  clockprecision: [positive],
  combinelimit: [number],
  corrtimeratio: [positive],
  dscp: [whole(0, 63)],
  fallbackdrift: [whole(0, 30), whole(0, 30)],
  leapsecmode: [word('system', 'step', 'slew', 'ignore')],
  logchange: [number],
  maxclockerror: [positive],
  maxdistance: [positive],
  maxdrift: [positive],
  maxjitter: [positive],
  maxsamples: [whole(0, 1024)],
  maxslewrate: [positive],
  maxupdateskew: [positive],
  minsamples: [whole(0, 64)],
  minsources: [whole(1, 64)],
  nosystemcert: [],
  ntsrefresh: [whole(60, 31_536_000)],
  ntstrustedcerts: [file],
  reselectdist: [number],
  stratumweight: [number],
};

const OWN_KEYS: Readonly<Record<string, string>> = {
  server: 'servers',
  pool: 'pools',
  makestep: 'makestep',
  keyfile: 'keys',
  nocerttimecheck: 'ntsBootstrap',
  refclock: 'useHypervisorClock',
};

/** A line that is not passed on, counted from 0. */
export interface ExtraFault {
  readonly line: number;
  readonly why: string;
}

export interface Extra {
  readonly lines: readonly string[];
  readonly faults: readonly ExtraFault[];
}

function faultOf([name = '', ...given]: readonly string[], folder: string): string | undefined {
  const directive = name.toLowerCase();
  const kinds = Object.hasOwn(DIRECTIVES, directive) ? DIRECTIVES[directive] : undefined;
  if (kinds === undefined) {
    const own = Object.hasOwn(OWN_KEYS, directive) ? OWN_KEYS[directive] : undefined;
    return own === undefined
      ? `${name.slice(0, 40)} is not a directive that may be given`
      : `${directive} has a setting of its own: ${own}`;
  }
  if (given.length !== kinds.length)
    return `${directive} takes ${kinds.length} arguments, not ${given.length}`;
  const whys = kinds.map((kind, at) => kind(given[at] ?? '', folder));
  const at = whys.findIndex((why) => why !== undefined);
  return at < 0 ? undefined : `${(given[at] ?? '').slice(0, 40)} ${whys[at]}`;
}

/** Returns the file that a line names, which chronyd reads when it starts. */
export function fileIn(line: string): string | undefined {
  const [name = '', ...given] = line.split(/\s+/);
  return given.find((_, at) => DIRECTIVES[name.toLowerCase()]?.[at] === file);
}

/** Reads the lines of `extra`. A line that chronyd might not start with is left out and named. */
export function readExtra(text: string, folder: string): Extra {
  const lines: string[] = [];
  const faults: ExtraFault[] = [];
  for (const [at, raw] of text.split('\n').entries()) {
    const words = raw.split(/\s+/).filter((word) => word !== '');
    // Comments of chrony.conf begin a line.
    if (words[0] === undefined || /^[!;#%]/.test(words[0])) continue;
    const why = faultOf(words, folder);
    // chronyd knows other blanks than this does, and no line of 2048 characters.
    if (why === undefined) lines.push(words.join(' '));
    else faults.push({ line: at, why });
  }
  return { lines, faults };
}
