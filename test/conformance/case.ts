/** The case files' schema, as far as this harness reads it (the conformance folder's README is the text). */

export type Named = { readonly namespace: string; readonly name: string };
export type ResourceName = Named & { readonly kind: string };

/** One document of a manifest. */
export type Document = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Named & { readonly labels?: Readonly<Record<string, string>> };
  readonly [field: string]: unknown;
};

export type Case = {
  readonly id: string;
  readonly title: string;
  readonly mode: "gateway" | "mesh";
  readonly group: string;
  readonly features: readonly string[];
  readonly level: "core" | "extended";
  readonly channel: "standard" | "experimental";
  readonly requires: readonly string[];
  /** Relative to the case file's folder. */
  readonly manifests: readonly string[];
  readonly setup?: readonly { readonly op: "endpoints"; readonly service: Named; readonly workload: Named }[];
  readonly applyFirst?: readonly Update[];
  readonly cookieJar?: boolean;
  readonly requests: readonly CaseRequest[];
} & ExpectedStatus;

export type Update =
  | { readonly op: "delete"; readonly resource: ResourceName }
  | { readonly op: "patch"; readonly resource: ResourceName; readonly jsonPatch: readonly PatchStep[] };

export type PatchStep = {
  readonly op: "add" | "remove" | "replace" | "move" | "copy" | "test";
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
};

export type Target = { readonly scheme: "http" | "https" } & (
  | { readonly mode: "gateway"; readonly gateway: Named; readonly port: number; readonly sni?: string }
  | {
      readonly mode: "mesh";
      readonly client: { readonly namespace: string; readonly workload: string };
      readonly service?: Named & { readonly port: number };
      readonly pod?: { readonly namespace: string; readonly workload: string; readonly port: number };
    }
);

export type Frame = { readonly type: string; readonly text: string };

export type CaseRequest = {
  readonly name: string;
  readonly target: Target;
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly protocol?: "H2" | "H2C_PRIOR_KNOWLEDGE" | "WEBSOCKET" | "GRPC";
  readonly websocket?: { readonly send: readonly Frame[] };
  readonly backendResponseHeaders?: Readonly<Record<string, string | readonly string[]>>;
  readonly repeat?: number;
  readonly jitterHeader?: string;
  readonly session?: { readonly carry: string; readonly follow: number };
  readonly expected: Expected;
  readonly derived?: readonly string[];
};

type Values = Readonly<Record<string, string | readonly string[]>>;

export type Expected = {
  readonly status: readonly number[];
  readonly backend?: "none" | Named | { readonly anyOf: readonly Named[] };
  readonly backendRequest?: {
    readonly path?: string;
    readonly method?: string;
    readonly host?: string;
    readonly headers?: Values;
    readonly absentHeaders?: readonly string[];
    readonly headerEqualsBackendName?: string;
  };
  readonly response?: {
    readonly headers?: Values;
    readonly headersAnyOf?: Readonly<Record<string, readonly (string | readonly string[])[]>>;
    readonly absentHeaders?: readonly string[];
  };
  readonly redirect?: {
    readonly scheme: string;
    readonly host: string;
    readonly port: string | null;
    readonly path: string;
  };
  readonly mirrors?: readonly { readonly backend: Named; readonly path: string; readonly times: number }[];
  readonly mirrorDistribution?: readonly {
    readonly backend: Named;
    readonly requests: number;
    readonly percent: number;
    readonly toleranceStdDevs: number;
    readonly maxAttempts: number;
  }[];
  readonly distribution?: Shares & { readonly weights: Readonly<Record<string, number>> };
  readonly statusDistribution?: Shares & { readonly shares: Readonly<Record<string, number>> };
  readonly backendAttempts?: number;
  readonly latencyMs?: { readonly min?: number; readonly max?: number };
  readonly grpcStatus?: number;
  readonly websocketReceive?: readonly Frame[];
  readonly session?: {
    readonly setCookie?: boolean;
    readonly setHeader?: string;
    readonly cookieName?: string;
    readonly cookiePath?: string;
    readonly cookieAttributesAbsent?: readonly string[];
    readonly expiresInSeconds?: { readonly value: number; readonly tolerance: number };
    readonly sameAs?: "instance" | "backend";
  };
};

type Shares = { readonly requests: number; readonly tolerance: number; readonly maxAttempts: number };

export type ExpectedCondition = { readonly type: string; readonly status: string; readonly reason?: string };

export type ExpectedStatus = {
  readonly expectedConditions?: readonly (ExpectedCondition & {
    readonly resource: ResourceName;
    readonly parentRef?: ResourceName & { readonly sectionName?: string };
    readonly listener?: string;
  })[];
  readonly expectedListeners?: readonly {
    readonly resource: ResourceName;
    readonly listeners: readonly {
      readonly name: string;
      readonly attachedRoutes: number;
      readonly supportedKinds: readonly string[];
      readonly conditions: readonly ExpectedCondition[];
    }[];
  }[];
  readonly expectedNoAcceptedParents?: readonly ResourceName[];
  readonly expectedZeroAttachedRoutes?: readonly ResourceName[];
  readonly expectedAttachedListenerSets?: readonly { readonly resource: ResourceName; readonly count: number }[];
};

/** What one request led to. Header values are lists, one element a line. */
export type Observation = {
  readonly status: number;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly latencyMs: number;
  /** The workload whose response the client got, or null when the proxy answered by itself. */
  readonly backend: (Named & { readonly instance: string }) | null;
  readonly backendRequest: BackendCall | undefined;
  /** Every request that reached any backend meanwhile, retries and mirrors included. */
  readonly calls: readonly BackendCall[];
  readonly websocketReceived?: readonly Frame[];
};

export type BackendCall = Named & {
  readonly instance: string;
  /** With query. */
  readonly path: string;
  readonly method: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
};

/** `field` names the part of `expected` that does not hold. */
export type Failure = { readonly field: string; readonly message: string; readonly derived: boolean };
