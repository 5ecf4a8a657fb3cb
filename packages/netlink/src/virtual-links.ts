import { ByteReader, ByteWriter, formatIpv6, toHex } from '@kios/bytes';
import { openNetlink } from '@kios/syscall';

import { Conversation } from './conversation.ts';
import { AF } from './family.ts';
import { decodeLink, type Generation, GENERATIONS, INET6, type Link } from './link.ts';
import { type Attributes, decodeAttributes, NLM_F, u32Of } from './message.ts';
import { decodeLinkInfo, encodeVirtualLink, type VirtualLink } from './virtual-link.ts';

export { LINK_SETTINGS, type LinkKind, type SettingsOf, type VirtualLink } from './virtual-link.ts';

const NETLINK_ROUTE = 0;
const RTM = { newLink: 16, deleteLink: 17, getLink: 18 } as const;
/** Bytes of `struct ifinfomsg`. */
const HEADER = 16;
const IFLA = { link: 5, linkInfo: 18, afSpec: 26, group: 27, permanentAddress: 54 } as const;

/** A link with what it is set to. */
export interface LinkState extends Link {
  /** Index of the link that it is on, or of a veth's peer. */
  readonly parent: number | undefined;
  /** Hardware address that the device was made with, where it has one: a bond's ports take the bond's. */
  readonly permanentMac: string | undefined;
  /** 0 unless its maker chose another one. */
  readonly group: number;
  /** By their names in `LINK_SETTINGS`; empty for other kinds. */
  readonly settings: Readonly<Record<string, number>>;
  /** Undefined where the kernel has no IPv6, also because the link's MTU is too small for it. */
  readonly ipv6?:
    | { readonly generation: Generation | undefined; readonly token: string }
    | undefined;
}

export function decodeLinkState(payload: Uint8Array): LinkState {
  const link = decodeLink(payload);
  const reader = new ByteReader(payload);
  reader.skip(HEADER);
  const attributes = decodeAttributes(reader.rest());
  const { settings } = decodeLinkInfo(attributes.get(IFLA.linkInfo));
  const permanent = attributes.get(IFLA.permanentAddress);
  return {
    ...link,
    parent: u32Of(attributes, IFLA.link),
    permanentMac: permanent && toHex(permanent, ':'),
    group: u32Of(attributes, IFLA.group) ?? 0,
    settings,
    ipv6: decodeInet6(attributes.get(IFLA.afSpec)),
  };
}

function decodeInet6(afSpec: Uint8Array | undefined): LinkState['ipv6'] {
  const families: Attributes = afSpec === undefined ? new Map() : decodeAttributes(afSpec);
  const inet6 = families.get(AF.ipv6);
  if (inet6 === undefined || inet6.length === 0) return undefined;
  const attributes = decodeAttributes(inet6);
  const token = attributes.get(INET6.token);
  return {
    generation: GENERATIONS[attributes.get(INET6.generation)?.[0] ?? -1],
    token: token === undefined ? '::' : formatIpv6(token),
  };
}

/** The links of this network namespace that can be made and deleted: bonds, bridges and VLANs. */
export interface VirtualLinks extends Disposable {
  list(): Promise<LinkState[]>;
  /** Makes the link. Fails with EEXIST if there is one of this name. */
  make(link: VirtualLink): Promise<void>;
  /** Sets the given settings of the link of this name. */
  set(link: VirtualLink): Promise<void>;
  delete(index: number): Promise<void>;
}

/** Opens rtnetlink for virtual links. Changes need CAP_NET_ADMIN. */
export function openVirtualLinks(): VirtualLinks {
  const conversation = new Conversation(openNetlink(NETLINK_ROUTE, []));
  const send = (link: VirtualLink, flags: number, verb: string): Promise<void> =>
    conversation.execute(
      RTM.newLink,
      flags,
      encodeVirtualLink(link),
      `${verb} ${link.kind} ${link.name}`,
    );
  return {
    async list() {
      const messages = await conversation.dump(RTM.getLink, new Uint8Array(HEADER), 'list links');
      return messages.map(({ payload }) => decodeLinkState(payload));
    },
    make: (link) => send(link, NLM_F.create | NLM_F.exclusive, 'make'),
    set: (link) => send(link, 0, 'set'),
    delete(index) {
      const payload = new ByteWriter(HEADER).zeros(4).u32le(index).zeros(8).finish();
      return conversation.execute(RTM.deleteLink, 0, payload, `delete link ${index}`);
    },
    [Symbol.dispose]: () => conversation.close(),
  };
}
