import { KIOS } from './versions.ts';

/** Agents by folder name under agents/. */
export const AGENTS = ['bootstrap', 'chrony-config', 'cni', 'dhcp', 'modloader'] as const;

export const imageName = (name: string): string => `kios.dev/${name}:${KIOS}`;

/** Every image that ships with the node. */
export const SHIPPED = [...AGENTS, 'chrony', 'pause'].map(imageName);
