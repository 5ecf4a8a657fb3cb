/** A document whose scalars are texts, as netplan reads them: only the schema knows which is a number. */
export type Tree = string | null | Tree[] | TreeMap;
export interface TreeMap {
  [key: string]: Tree;
}

export const isMap = (tree: Tree | undefined): tree is TreeMap =>
  tree !== null && typeof tree === 'object' && !Array.isArray(tree);
