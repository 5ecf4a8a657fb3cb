import type { Mode } from '../v6/client/model.ts';

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
