import { canonicalIp } from './address.ts';
import { CLOCK_ID, clockFault, type HypervisorClock } from './hypervisor-clock.ts';
import {
  configOrigin,
  dhcpOrigins,
  fallbackOrigin,
  isReplacing,
  platformOrigin,
} from './origins.ts';
import { hasSmearedHosts, winningKind } from './smear.ts';
import {
  addressOf,
  type Candidate,
  type Inputs,
  type Note,
  REFUSED,
  SourceDraft,
} from './source-draft.ts';

export interface SourcePlan {
  /** File name in `sources.d` to content. */
  readonly files: ReadonlyMap<string, string>;
  /** The host names that this plan needs resolved. */
  readonly names: readonly string[];
  /** The addresses that only a lease names. */
  readonly leased: ReadonlySet<string>;
  /** The device of the hypervisor's clock, where it is a source. */
  readonly refclock: string | undefined;
  /** chronyd has to judge certificates, if not now then of a source that is out of use for a while. */
  readonly hasNts: boolean;
  /** Servers that chronyd asks by name, whose addresses only it knows. */
  readonly named: readonly string[];
  readonly notes: readonly Note[];
}

/** The hypervisor's clock as a source among the others. */
interface ClockSource {
  readonly clock: HypervisorClock;
  readonly fault: string | undefined;
  readonly isSmeared: boolean;
}

function clockSource(inputs: Inputs): ClockSource | undefined {
  const { clock, config, platform = 'none', refused } = inputs;
  if (clock === undefined) return undefined;
  const fault = refused?.has(CLOCK_ID) === true ? REFUSED : clockFault(config, clock);
  return { clock, fault, isSmeared: hasSmearedHosts(platform) };
}

function draftAll(inputs: Inputs, hasClock: boolean): SourceDraft {
  const draft = new SourceDraft(inputs);
  const isReplaced = isReplacing(inputs);
  const hasConfigured = draft.add(configOrigin(inputs));
  const hasPlatform = draft.add(platformOrigin(inputs, isReplaced));
  const hasNamed = hasConfigured || hasPlatform || hasClock;
  const leased = dhcpOrigins(inputs, hasNamed ? 'iburst' : 'prefer iburst');
  const hasLeased = leased.map((origin) => draft.add(origin)).some(Boolean);
  draft.add(fallbackOrigin(inputs, { hasNamed, hasLeased, isReplaced }));
  return draft;
}

const isWeak = ({ origin: { kind } }: Candidate): boolean => kind === 'dhcp' || kind === 'fallback';

/** Returns why sources of this kind are not used beside the others; undefined where they are. */
type KindFault = (source: { readonly isSmeared: boolean }) => string | undefined;

function judgeKinds(candidates: readonly Candidate[], clock: ClockSource | undefined): KindFault {
  const kinds = candidates.map((each) => ({ isSmeared: each.isSmeared, isWeak: isWeak(each) }));
  const winner = winningKind(
    clock === undefined ? kinds : [...kinds, { isSmeared: clock.isSmeared, isWeak: false }],
  );
  return ({ isSmeared }) => {
    if (winner === undefined || isSmeared === (winner === 'smeared')) return undefined;
    return isSmeared
      ? 'it smears leap seconds, and what time.yaml or the platform names does not'
      : 'it does not smear leap seconds, and other sources do';
  };
}

/** Formats one file, with the name above the addresses that it stands for. */
function format(comment: string, candidates: readonly Candidate[]): string {
  const lines = [`# ${comment}`];
  let above: string | undefined;
  for (const { entry, server } of candidates) {
    const isNamed = server !== entry.host && canonicalIp(entry.host) === undefined;
    if (isNamed && above !== entry.host) lines.push(`# ${entry.host}`);
    above = isNamed ? entry.host : undefined;
    lines.push(`server ${server} ${entry.options}`.trimEnd());
  }
  return `${lines.join('\n')}\n`;
}

function formatAll(candidates: readonly Candidate[]): Map<string, string> {
  const groups = Map.groupBy(candidates, ({ origin }) => origin);
  return new Map(
    [...groups].map(([{ file, comment }, members]) => [file, format(comment, members)]),
  );
}

function noteOf({ origin, entry, server }: Candidate, why: string | undefined): Note {
  const note = { origin: origin.name, host: entry.host, ...addressOf(entry, server) };
  return why === undefined ? { ...note, use: 'used' } : { ...note, use: 'dropped', why };
}

function clockNotes(clock: ClockSource | undefined, kindFault: string | undefined): Note[] {
  if (clock === undefined) return [];
  const { name, device } = clock.clock;
  const note = { origin: 'hypervisor', host: `${device} (${name})` };
  const why = clock.fault ?? kindFault;
  // Nobody asked for it: that it cannot be had is for who looks.
  return [why === undefined ? { ...note, use: 'used' } : { ...note, use: 'dropped', why, isExpected: true }];
} // prettier-ignore

/**
 * Plans the source files. The same inputs give the same bytes. An address appears only in the file with the lowest
 * number, because chronyd reports an error for a duplicate at every reload.
 */
export function planSources(inputs: Inputs): SourcePlan {
  const clock = clockSource(inputs);
  const usable = clock?.fault === undefined ? clock : undefined;
  const draft = draftAll(inputs, usable !== undefined);
  const kindFault = judgeKinds(draft.candidates, usable);
  const used = draft.candidates.filter((each) => kindFault(each) === undefined);
  const clockKindFault = usable === undefined ? undefined : kindFault(usable);
  const leased = used.filter(({ origin }) => origin.kind === 'dhcp');
  return {
    files: formatAll(used),
    names: [...draft.names],
    leased: new Set(leased.map(({ server }) => server)),
    refclock: clockKindFault === undefined ? usable?.clock.device : undefined,
    hasNts: draft.hasNts,
    named: used.map(({ server }) => server).filter((server) => canonicalIp(server) === undefined),
    notes: [
      ...clockNotes(clock, clockKindFault),
      ...draft.candidates.map((each) => noteOf(each, kindFault(each))),
      ...draft.notes,
    ],
  };
}

/** Returns the servers in a lease's source file, which stay in use when the lease is lost and there is no other. */
export function serversIn(content: string): string[] {
  return content.split('\n').flatMap((line) => /^server (\S+)(?: |$)/.exec(line)?.[1] ?? []);
}
