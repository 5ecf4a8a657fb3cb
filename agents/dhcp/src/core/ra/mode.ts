import type { Millis } from '../client/timing.ts';
import type { Mode } from '../v6/client/model.ts';

const SECOND = 1000;
const MOST_ROUTERS = 16;
/** How long flags count of a router that is no default router: the most between announcements. RFC 4861 §6.2.1. */
const UNNAMED_LIFETIME = 1800;

/** The flags of a router's last announcement. */
interface Advice {
  readonly router: string;
  readonly managed: boolean;
  readonly other: boolean;
  readonly until: Millis;
}

export type Advices = readonly Advice[];

/** Takes in the flags of one announcement. */
export function learnFlags(
  known: Advices,
  router: string,
  said: { readonly managed: boolean; readonly other: boolean; readonly lifetimeSeconds: number },
  now: Millis,
): Advices {
  const { managed, other } = said;
  const until = now + (said.lifetimeSeconds || UNNAMED_LIFETIME) * SECOND;
  const others = known.filter((each) => each.router !== router && each.until > now);
  return [...others, { router, managed, other, until }].slice(-MOST_ROUTERS);
}

/** What the routers together ask for: one that has addresses from DHCPv6 is enough. RFC 4862 §5.2. */
export function modeAt(advices: Advices, now: Millis): Mode {
  const current = advices.filter(({ until }) => until > now);
  if (current.some(({ managed }) => managed)) return 'stateful';
  return current.some(({ other }) => other) ? 'stateless' : 'off';
}

/**
 * When a link uses DHCPv6: never; as its routers say; also where no router says anything; or whatever routers say, for
 * links that believe none.
 */
export type Dhcp6Choice = 'off' | 'routers' | 'on' | 'always';

const FIXED: ReadonlyMap<Dhcp6Choice, Mode> = new Map([
  ['off', 'off'],
  ['always', 'stateful'],
]);

/** The flags of the last announcement, as the kernel keeps them even while the link is down. */
interface KernelFlags {
  /** One was received since the link came up. */
  readonly received: boolean;
  readonly managed: boolean;
  readonly other: boolean;
}

/** Returns the mode of a link; `isQuiet` says that its routers have had the time to reply. RFC 4862 §5.5.2. */
export function chooseMode(
  choice: Dhcp6Choice,
  flags: KernelFlags | undefined,
  isQuiet: boolean,
): Mode {
  const fixed = FIXED.get(choice);
  if (fixed !== undefined) return fixed;
  if (flags?.managed === true) return 'stateful';
  if (flags?.other === true) return 'stateless';
  const isAlone = isQuiet && flags?.received !== true;
  return choice === 'on' && isAlone ? 'stateful' : 'off';
}
