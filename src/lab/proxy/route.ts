/** A port of a lab's proxy, where it leads, and whose network that is: it breaks with the network of this node. */
export type Route = Readonly<{ node: string; port: number; target: number }>;
