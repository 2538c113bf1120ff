/** What the deployment knows of the connection that a request came in on, and the request does not say. */
export type Ingress = {
  /** What clients speak to this socket, whoever ends their TLS. */
  readonly scheme: "http" | "https";
  /** The listener port that this edge's socket stands for. */
  readonly port: number;
  /** Services answer at `<service>.<namespace>.<domain>`. */
  readonly domain: string;
  /** `namespace/name` of the workload that the deployment vouches for: by its binding, or by a certificate that was verified. */
  readonly workload: string;
  /** The namespace of the workload that calls, or empty when it is not known. */
  readonly caller: string;
  /** The peer's address, or empty where the runtime does not tell. */
  readonly client: string;
  /** How many proxies in front of the edge are ours, and tell the truth about whoever called them. */
  readonly trustedProxies: number;
};
