/** Who a workload is: a SPIFFE ID (SPIFFE-ID.md §2) by namespace and service account, as Istio and Linkerd name workloads. */
export type Identity = {
  /** `spiffe://<trust domain>/ns/<namespace>/sa/<name>` */
  readonly spiffe: string;
  readonly namespace: string;
  readonly name: string;
};

export const identity = (trustDomain: string, namespace: string, name: string): Identity => ({
  spiffe: `spiffe://${trustDomain}/ns/${namespace}/sa/${name}`,
  namespace,
  name,
});
