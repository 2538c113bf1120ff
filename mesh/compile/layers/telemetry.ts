import { milliseconds } from "../../resources/parts.ts";
import type { Policy } from "../../snapshot.ts";
import { thresholdOf } from "../../telemetry/sampling.ts";
import type { AccessLog } from "../../telemetry/access-log.ts";
import type { Item } from "../model.ts";
import type { Policies, Target } from "../policies.ts";

/** One policy holds for a rule, that of its most specific target. What is recorded is decided before a backend is drawn. */
export function telemetryLayer(policies: Policies, targets: readonly Target[]): Policy[] {
  for (const target of targets.toReversed()) {
    const [policy] = policies.attached("TelemetryPolicy", [target]);
    if (!policy) continue;
    const { tracing, accessLog } = policy.spec;
    const { samplingPercent, keepErrors, keepSlowerThan } = tracing;
    const threshold = thresholdOf(samplingPercent / 100);
    return [
      {
        kind: "telemetry",
        tracing: {
          ...(threshold !== undefined && { threshold }),
          keepErrors,
          ...(keepSlowerThan !== undefined && { keepSlowerMs: milliseconds(keepSlowerThan) }),
        },
        ...(accessLog && { accessLog: compiledLog(accessLog) }),
      },
    ];
  }
  return [];
}

type Stated = NonNullable<Item<"TelemetryPolicy">["spec"]["accessLog"]>;

function compiledLog({ filter, samplingPercent, requestHeaders, responseHeaders, redact }: Stated): AccessLog {
  const { success, clientError, serverError } = samplingPercent;
  return {
    ...(filter !== undefined && { filter }),
    shares: { success: success / 100, clientError: clientError / 100, serverError: serverError / 100 },
    requestHeaders: requestHeaders.map(lower),
    responseHeaders: responseHeaders.map(lower),
    redact: redact.map(lower),
  };
}

const lower = (name: string): string => name.toLowerCase();
