import { KIOS } from './versions.ts';

/** Agents by folder name under agents/, whose images ship with the node. */
export const AGENTS = ['bootstrap', 'chrony-config', 'cni', 'dhcp', 'modloader', 'resize'] as const;

/** Agents whose images are only published: a node has one when its cluster runs it. */
export const PUBLISHED_AGENTS = ['lifecycle', 'update'] as const;

/**
 * The registry in the names of the images that ship with the node. Nobody can own it and no authority certifies it (RFC
 * 2606), so there is no registry that could serve another image under such a name.
 */
export const REGISTRY = 'kios.invalid';

export const imageName = (name: string): string => `${REGISTRY}/${name}:${KIOS}`;

/** Returns the NAME of an image that the build calls `kios.invalid/NAME:VERSION`. */
export const shortName = (image: string): string =>
  image.replace(`${REGISTRY}/`, '').replace(/:[^:/]*$/, '');

/** Every image that ships with the node. */
export const SHIPPED = [...AGENTS, 'chrony', 'pause'].map(imageName);

/** Returns whether the image that the build calls by this name is only published. */
export const isOnlyPublished = (image: string): boolean =>
  PUBLISHED_AGENTS.some((name) => image === imageName(name));
