/** Where telemetry is exported to, as OpenTelemetry's SDKs read it from their environment (OTEL_EXPORTER_OTLP_*). */

export type OtlpDestination = {
  /** Of the collector, without its last slash; each signal has its own path below it. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly protocol: "http/protobuf" | "http/json";
};

export type OtlpVars = {
  /** `https://collector.example:4318`, or empty: nothing is exported, and nothing is recorded. */
  readonly OTLP_ENDPOINT?: string;
  /** `name=value,name=value`, percent-encoded. A secret, since it holds the collector's credentials. */
  readonly OTLP_HEADERS?: string;
  /** `http/protobuf`, or `http/json`. */
  readonly OTLP_PROTOCOL?: string;
};

/** Undefined where there is no endpoint. Throws an Error that names the variable where one cannot be read. */
export function otlpDestination(vars: OtlpVars): OtlpDestination | undefined {
  const endpoint = (vars.OTLP_ENDPOINT ?? "").trim();
  if (endpoint === "") return undefined;
  if (!/^https?:\/\/[^\s?#]+$/.test(endpoint)) throw new Error(`OTLP_ENDPOINT: ${endpoint} is no http or https URL`);
  const protocol = vars.OTLP_PROTOCOL || "http/protobuf";
  if (protocol !== "http/protobuf" && protocol !== "http/json")
    throw new Error(`OTLP_PROTOCOL: ${protocol} is none of http/protobuf, http/json (gRPC cannot be spoken here)`);
  return { endpoint: endpoint.replace(/\/+$/, ""), headers: headersOf(vars.OTLP_HEADERS ?? ""), protocol };
}

function headersOf(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const pair of text.split(",")) {
    if (pair.trim() === "") continue;
    const equals = pair.indexOf("=");
    const name = pair.slice(0, Math.max(equals, 0)).trim().toLowerCase();
    // The value may be a credential: it is not repeated here.
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) throw new Error("OTLP_HEADERS: write name=value,name=value");
    headers[name] = decodeURIComponent(pair.slice(equals + 1).trim());
  }
  return headers;
}
