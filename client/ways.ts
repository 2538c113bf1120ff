/**
 * The ways to a service: the edges of the mesh, nearest first, and past the mesh where its configuration says so. Remembers which
 * edges are sick. A sick one is asked beside requests whether it is well again; no request finds out for the others.
 */
export type Options = {
  /** Origins at which the mesh answers, nearest first: `http://127.0.0.1:15001` of a sidecar, then central edges. */
  readonly edges: readonly string[];
  /** Services are called at `<service>.<namespace>.<domain>`. Default `mesh.internal`. */
  readonly domain?: string;
  /** By `service.namespace`: where a service answers without the mesh. Used only where the mesh's configuration says `onMeshFailure: direct`. */
  readonly direct?: Readonly<Record<string, string>>;
  /** What holds until an edge has first said which services may be called directly. Default `fail`. */
  readonly onMeshFailure?: "direct" | "fail";
  /** How long a call may take to its response's headers, in milliseconds. Default 15 000; an incoming request's own time is kept, if less. */
  readonly timeoutMs?: number;
  /** The workload's identity token, which goes to edges alone. */
  readonly token?: () => string | Promise<string>;
  /** Called when a call leaves a way for the next one, for counters. */
  readonly onWayRound?: (event: WayRound) => void;
};
export type WayRound = { readonly service: string; readonly from: string; readonly to: string; readonly why: string };

/** `base` takes the service's own path at its end. */
export type Way = { readonly edge: string | undefined; readonly base: string };

export type Ways = {
  /** The `service.namespace[:port]` that a URL is for; undefined for what is none of the mesh. */
  readonly serviceOf: (url: URL) => string | undefined;
  /** In the order in which they are to be tried; asks beside it what is due to be asked. Never empty, but for options without any. */
  readonly to: (service: string) => readonly Way[];
  /** Nobody listens there. */
  readonly isDown: (way: Way) => void;
  /** It may be sick: it is asked. */
  readonly suspect: (way: Way) => void;
  /** Whether a request that may have been carried out already may be sent once more: of a few in a row, and one in ten of all. */
  readonly spend: () => boolean;
};

const ASK_EVERY_MS = 30_000;
const ASK_LIMIT_MS = 1000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const MOST_SPARE = 10;
const SPARE_A_CALL = 0.1;

type Health = { sick: boolean; failures: number; askAt: number };

export function waysOf({ edges, domain = "mesh.internal", direct = {}, onMeshFailure = "fail" }: Options): Ways {
  const health = new Map<string, Health>(edges.map((edge) => [edge, { sick: false, failures: 0, askAt: 0 }]));
  let mayGoDirect = (_service: string): boolean => onMeshFailure === "direct";
  let spare = MOST_SPARE;

  function failed(edge: string): void {
    const of = health.get(edge)!; // one of `edges`
    of.sick = true;
    // By chance up to twice as long, so that many clients do not ask at once.
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** of.failures++) * (1 + Math.random());
    of.askAt = Date.now() + pause;
  }

  async function ask(edge: string): Promise<void> {
    const of = health.get(edge)!;
    of.askAt = Date.now() + ASK_EVERY_MS;
    try {
      const signal = AbortSignal.timeout(ASK_LIMIT_MS);
      const response = await fetch(`${edge}/.well-known/selvedge/client`, { signal, redirect: "error" });
      const body = (await response.json()) as { readonly direct?: unknown };
      if (!response.ok || !Array.isArray(body.direct)) throw new Error(`answered ${response.status}`);
      const named = new Set<unknown>(body.direct);
      mayGoDirect = (service) => named.has(service.split(":")[0]);
      of.sick = false;
      of.failures = 0;
    } catch {
      failed(edge);
    }
  }

  return {
    serviceOf: ({ protocol, hostname, port }) => {
      if ((protocol !== "http:" && protocol !== "https:") || !hostname.endsWith(`.${domain}`)) return undefined;
      const name = hostname.slice(0, -domain.length - 1);
      return port === "" ? name : `${name}:${port}`;
    },
    to: (service) => {
      spare = Math.min(MOST_SPARE, spare + SPARE_A_CALL);
      for (const [edge, { askAt }] of health) if (Date.now() >= askAt) void ask(edge);
      const well = edges.filter((edge) => !health.get(edge)!.sick);
      const own = direct[service];
      const past: Way[] = own !== undefined && mayGoDirect(service) ? [{ edge: undefined, base: own }] : [];
      // When all are sick and there is no way past them, it is an edge or nothing.
      const tried = well.length > 0 || past.length > 0 ? well : edges;
      return [...tried.map((edge) => ({ edge, base: `${edge}/~${service}` })), ...past];
    },
    isDown: ({ edge }) => {
      if (edge !== undefined && !health.get(edge)!.sick) failed(edge);
    },
    suspect: ({ edge }) => {
      if (edge !== undefined && !health.get(edge)!.sick) void ask(edge);
    },
    spend: () => spare >= 1 && (spare--, true),
  };
}
