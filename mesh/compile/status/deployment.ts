/** What the deployment knows and no resource says. */
export type Deployment = {
  /** `namespace/name` of the Secrets for which the platform holds a certificate. */
  readonly certificates: readonly string[];
  /** Host names or IP addresses at which the edge answers. */
  readonly addresses: readonly string[];
  /** Origins of endpoints that edges reach by a binding, which keeps the Host. */
  readonly hostPreserving: readonly string[];
};
