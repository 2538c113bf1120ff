/** What a deployment's vars say, read once an isolate; docs/operating.md tells what each is for. */
import { DEFAULT_PORT } from "../../mesh/redirect.ts";
import { isRecord } from "../../mesh/canonical.ts";
import { type Grain, parseGrain } from "../../mesh/grain.ts";
import { type OtlpDestination, otlpDestination, type OtlpVars } from "../../mesh/telemetry/otlp-destination.ts";
import type { Ingress } from "./ingress.ts";
import { clientAddress } from "../client-address.ts";
import { platformFacts } from "../platform-facts.ts";

export type Vars = {
  readonly MESH_DOMAIN: string;
  /** How often an isolate that has traffic looks for a newer snapshot, in milliseconds. */
  readonly LOOK_EVERY_MS: string;
  /** How old telemetry may become before an isolate sends it, in milliseconds. */
  readonly REPORT_EVERY_MS: string;
  /** Where the client's address is: a header of the platform's; `peer` for the connection's, which workerd of one's own tells; or the one address that clients have. */
  readonly CLIENT_ADDRESS: string;
  /** The listener port that this deployment's socket stands for; empty takes it from the request's URL. */
  readonly LISTENER_PORT: string;
  /** The scheme that clients speak to this socket, `http` or `https`; empty takes it from the request's URL. */
  readonly LISTENER_SCHEME: string;
  /** What this deployment serves: mesh/grain.ts. */
  readonly SCOPE: string;
  /** The namespace whose workloads alone call this deployment; empty when callers are not told apart. */
  readonly CALLER: string;
  /** How many proxies in front of this deployment append to X-Forwarded-For; what callers before them say of it is dropped. */
  readonly TRUSTED_PROXIES: string;
  /** How many requests an isolate may have without a response. */
  readonly MAX_IN_FLIGHT: string;
  /** JSON: SHA-256 of a client certificate, in lower-case hexadecimal -> the workload that it stands for, `namespace/name`. */
  readonly CLIENT_CERTIFICATES: string;
  /** JSON: origin of an endpoint -> the binding by which it is reached with the Host kept. */
  readonly HOST_PRESERVING: string;
  /** `true` in a local mesh, whose services are on the machine itself: loopback and link-local addresses are contacted. */
  readonly ALLOW_RESERVED: string;
  /** JSON: a JWK Set of the public keys by which snapshots are signed; empty takes unsigned ones too. */
  readonly SNAPSHOT_KEYS: string;
  /** A secret, the same for all edges of the mesh. Absent where none was set. */
  readonly MESH_KEY?: string;
} & OtlpVars;

export type Deployment = {
  readonly lookEveryMs: number;
  /** 0 where nothing is counted, recorded or sent. */
  readonly reportEveryMs: number;
  readonly maxInFlight: number;
  readonly allowReserved: boolean;
  readonly grain: Grain;
  /** Where spans go; undefined where they are not recorded. */
  readonly otlp: OtlpDestination | undefined;
  /** By the origin of an endpoint. */
  readonly hostPreserving: Readonly<Record<string, string>>;
  /** What the connection of a request is. */
  readonly ingress: (request: Request, url: URL, props: unknown) => Ingress;
};

export function deploymentOf(vars: Vars): Deployment {
  const { MESH_DOMAIN: domain, CALLER: caller, CLIENT_ADDRESS: address } = vars;
  const port = Number(vars.LISTENER_PORT);
  const trustedProxies = Number(vars.TRUSTED_PROXIES) || 0;
  const certificates = JSON.parse(vars.CLIENT_CERTIFICATES || "null") as Certificates | null;
  const addressOf = clientAddress(address);
  return {
    lookEveryMs: Number(vars.LOOK_EVERY_MS),
    reportEveryMs: Number(vars.REPORT_EVERY_MS),
    maxInFlight: Number(vars.MAX_IN_FLIGHT) || Infinity,
    grain: parseGrain(vars.SCOPE),
    otlp: Number(vars.REPORT_EVERY_MS) > 0 ? destinationOf(vars) : undefined,
    allowReserved: vars.ALLOW_RESERVED === "true",
    hostPreserving: JSON.parse(vars.HOST_PRESERVING || "{}") as Readonly<Record<string, string>>,
    ingress: (request, url, props) => {
      const scheme = (vars.LISTENER_SCHEME || url.protocol.slice(0, -1)) === "https" ? "https" : "http";
      return {
        scheme,
        port: port || Number(url.port) || DEFAULT_PORT[scheme],
        caller,
        workload: workloadIn(props) || (certificates ? workloadOf(certificates, platformFacts(request)) : ""),
        domain,
        trustedProxies,
        client: addressOf(request),
      };
    },
  };
}

/** Telemetry that is set up wrongly keeps no traffic up. */
function destinationOf(vars: Vars): OtlpDestination | undefined {
  try {
    return otlpDestination(vars);
  } catch (error) {
    console.error(`no traces are exported: ${String(error)}`);
    return undefined;
  }
}

/** `{"workload": "namespace/name"}`, which whoever deploys the calling Worker writes at its service binding. Requests cannot set it. */
function workloadIn(props: unknown): string {
  const workload = isRecord(props) ? props.workload : undefined;
  return typeof workload === "string" ? workload : "";
}

type Certificates = Readonly<Record<string, string>>;

/** By fingerprint: the platform does not tell a certificate's URI names. Looked at only where the deployment lists certificates. */
function workloadOf(certificates: Certificates, cf: Request["cf"]): string {
  const shown = cf?.tlsClientAuth as { certVerified?: string; certFingerprintSHA256?: string } | undefined;
  if (shown?.certVerified !== "SUCCESS") return "";
  const fingerprint = (shown.certFingerprintSHA256 ?? "").replaceAll(":", "").toLowerCase();
  return Object.hasOwn(certificates, fingerprint) ? (certificates[fingerprint] ?? "") : "";
}
