/** The schema of case files. Every string that holds bytes has one character for one byte (latin1). */
export type CaseFile = {
  readonly canary_host: string;
  readonly contexts: Readonly<Record<string, { readonly host: string }>>;
  readonly origins: {
    readonly ports: Readonly<Record<string, number>>;
    readonly behaviours: Readonly<Record<string, Behaviour>>;
  };
  readonly fixtures: {
    readonly issuer: string;
    readonly audience: string;
    readonly jwks: { readonly keys: readonly object[] };
  };
  readonly cases: readonly Case[];
};

/** What an origin says at `/o/<name>` in place of its echo. */
export type Behaviour = {
  readonly raw?: string;
  readonly parts?: readonly {
    readonly raw?: string;
    readonly pause?: number;
    readonly repeat?: { readonly n: number; readonly raw: string };
  }[];
  readonly end?: "close" | "reset";
  /** Before the request's body is there. */
  readonly early?: boolean;
};

export type Level = "must" | "should" | "info";

export type Case = {
  readonly id: string;
  readonly group: string;
  readonly level: Level;
  readonly context: string;
  readonly raw_request?: string;
  readonly steps?: readonly Step[];
  readonly connections?: readonly string[];
  readonly want_responses?: number;
  readonly max_ms?: number;
  readonly settle_ms?: number;
  readonly expect: Expectation;
};

/** On one connection, in this order. */
export type Step = {
  readonly bytes?: string;
  readonly pause_ms?: number;
  readonly await_response?: number;
  readonly timeout_ms?: number;
  readonly repeat?: { readonly n: number; readonly bytes: string };
  readonly half_close?: boolean;
};

/** `"2xx"` is a class of statuses, `"close"` an end without any. */
export type Statuses = readonly (number | string)[];

export type Expectation = {
  readonly one_of?: readonly Expectation[];
  readonly denied?: boolean;
  readonly status?: Statuses;
  readonly status_should?: Statuses;
  readonly not_status?: Statuses;
  readonly statuses?: readonly (number | string | Statuses)[];
  readonly some_status?: Statuses;
  readonly origin?: "reached" | "not_reached";
  readonly origin_max?: number;
  readonly origin_count?: number;
  readonly origin_port?: string;
  readonly origin_req?: OriginRequest;
  readonly origin_never?: {
    readonly strict_norm_prefix?: readonly string[];
    readonly target?: readonly string[];
    readonly target_prefix?: readonly string[];
    readonly method?: readonly string[];
    readonly header?: Readonly<Record<string, string>>;
  };
  readonly framing_clean?: boolean;
  readonly response_index?: number;
  readonly response?: {
    readonly header_absent?: readonly string[];
    readonly header_present?: readonly string[];
    readonly header_equals?: Readonly<Record<string, string>>;
    readonly header_lines?: Readonly<Record<string, readonly string[]>>;
    readonly body?: string;
    readonly body_length?: number;
    readonly incomplete?: boolean;
    readonly complete?: boolean;
    readonly bad_head?: boolean;
  };
  readonly responses_max?: number;
  readonly canary?: boolean;
  readonly raw_contains?: readonly string[];
  readonly raw_not_contains?: readonly string[];
  readonly max_ms?: number;
  readonly first_bytes_within_ms?: { readonly contains?: string; readonly ms: number };
};

export type OriginRequest = {
  readonly index?: number;
  readonly method?: string;
  readonly target?: string;
  readonly target_in?: readonly string[];
  readonly body?: string;
  readonly body_length?: number;
  readonly header_absent?: readonly string[];
  readonly header_present?: readonly string[];
  readonly header_equals?: Readonly<Record<string, string>>;
  readonly header_list?: Readonly<Record<string, readonly string[]>>;
  readonly header_last?: Readonly<Record<string, string>>;
  readonly header_length?: Readonly<Record<string, number>>;
};
