/** The dashboard's page: static, the same for everyone, and without a secret. What it shows comes from the API. */
import files from "./dashboard.json" with { type: "json" };
import { answer } from "./refusal.ts";

/** By path. Empty in the source: `local/dashboard.ts` builds it, and whatever bundles control puts it in. */
type Files = Readonly<Record<string, { readonly type: string; readonly text: string; readonly etag: string }>>;

/** Only what came with the page runs, and nobody frames it. Nothing in it is inline. */
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  // The page asks each time whether it has changed; a deploy is seen at once.
  "cache-control": "no-cache",
};

export const PATHS = ["/", "/dashboard.js", "/dashboard.css", "/icon.svg"] as const;

export function page(request: Request): Response {
  const file = (files as Files)[new URL(request.url).pathname];
  if (!file) return answer("not-found", { detail: "This build has no dashboard: deploy it with npm run deploy." });
  const headers = { ...HEADERS, "content-type": file.type, etag: file.etag };
  if (request.headers.get("if-none-match") === file.etag) return new Response(null, { status: 304, headers });
  return new Response(file.text, { headers });
}
