/** Requests as raw bytes, one character for one byte: sound ones, nearly sound ones, and noise. */
import fc from "fast-check";

const bytes = (maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ maxLength }).map((some) => Buffer.from(some).toString("latin1"));
/** What a proxy's parser is careful with. */
const odd = fc.constantFrom(
  "\0",
  "\t",
  "\v",
  "\r",
  "\n",
  "\r\n ",
  " ",
  "\x7f",
  "\x80",
  "\xa0",
  "\xff",
  '"',
  ",",
  ";",
  ":",
  "\\",
);

const PATH_PIECES = [
  ..."/|//|admin|%61dmin|ADMIN|adm|in|x|..|.|%2e|%2e%2e|%2E.|%2f|%2F|%5c|\\|;|..;|;a=b|%3b|%00|%|%2|%zz|%25|%252e|%252f|%2561|%c0%af|%c0%ae".split(
    "|",
  ),
  ..."%e2%82%ac|%ef%bc%8f|%ad|%09|%0a|%20|~a.default|~a.default:80|~|.well-known|selvedge|health|*|@|:|?|??|#|?x=/../|é|%u002f|+|private".split(
    "|",
  ),
];
const piece = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...PATH_PIECES) },
  { weight: 1, arbitrary: odd },
  { weight: 1, arbitrary: bytes(4) },
);
const path = fc.array(piece, { maxLength: 10 }).map((pieces) => pieces.join(""));
const HOSTS = [
  "paths.test",
  "paths.test",
  "PATHS.test.",
  "paths.test:80",
  "jwt.test",
  "open.test",
  "secret.test",
  "a.default",
  "a.default.mesh.localhost",
];
const host = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(...HOSTS) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      "",
      "[::1]",
      "x:-1",
      "x:99999",
      "a,b",
      "a@paths.test",
      "127.0.0.1",
      "xn--",
      "é.test",
      "paths.test%00",
    ),
  },
  { weight: 1, arbitrary: bytes(12) },
);
const target = fc.oneof(
  { weight: 12, arbitrary: path.map((text) => `/${text}`) },
  { weight: 2, arbitrary: path },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom("http://", "https://", "http:", "//", "ws://", "HTTP:\\\\"), host, path)
      .map((all) => all.join("")),
  },
  { weight: 1, arbitrary: fc.constantFrom("*", "", "/".repeat(9000), `/?${"a=b&".repeat(3000)}`) },
);
const method = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom("GET", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH") },
  { weight: 2, arbitrary: fc.constantFrom("get", "Put", "TRACE", "CONNECT", "PRI", "QUERY", "", "G\0T") },
  { weight: 1, arbitrary: bytes(6) },
);

const json = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc
    .record(
      {
        alg: fc.constantFrom<unknown>("none", "RS256", "ES256", "HS256", "", null, ["RS256"], { alg: "none" }),
        kid: fc.constantFrom<unknown>("rsa-1", "ec-1", "__proto__", "", 1, null, "../../x"),
        crit: fc.constantFrom<unknown>([], ["b64"], "b64", null),
        iss: fc.constantFrom<unknown>("https://issuer.test", "", null, ["https://issuer.test"]),
        aud: fc.constantFrom<unknown>("mesh-api", ["mesh-api"], {}, 1),
        exp: fc.constantFrom<unknown>(4102444800, "4102444800", -1, 1e308, null),
        sub: fc.anything({ maxDepth: 1 }).map((value) => JSON.parse(JSON.stringify(value) ?? "null") as unknown),
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
  bytes(20),
);
const part = fc.oneof(
  { weight: 6, arbitrary: json.map((text) => Buffer.from(text, "latin1").toString("base64url")) },
  { weight: 1, arbitrary: fc.constantFrom("", ".", "=", "!!", "A".repeat(9000)) },
);
const token = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("."));

const NAMES = [
  ..."x-blocked|Connection|Upgrade|Transfer-Encoding|Content-Length|Expect|TE|Trailer|Via|X-Forwarded-For|X-Forwarded-Host|Forwarded|X_Forwarded_For".split(
    "|",
  ),
  ..."Range|Accept-Encoding|Content-Encoding|Content-Type|Cookie|Origin|Access-Control-Request-Method|Max-Forwards|Sec-WebSocket-Key|Sec-WebSocket-Version".split(
    "|",
  ),
  ..."selvedge-token|selvedge-caller|selvedge-timeout-ms|selvedge-retries|selvedge-cause|selvedge-idempotency-attempt|Idempotency-Key".split(
    "|",
  ),
  ..."traceparent|tracestate|baggage|b3|x-b3-traceid|grpc-timeout|x-envoy-expected-rq-timeout-ms|CF-Connecting-IP|MF-CF-Blob|MF-Original-URL|__proto__".split(
    "|",
  ),
];
const value = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      "",
      "true",
      "0",
      "-1",
      "1e9",
      "NaN",
      "chunked",
      "close",
      "upgrade, x-blocked",
      "websocket",
      "a=b; c=d",
      "bytes=0-1",
      "100-continue",
      "1.1 selvedge",
      "a".repeat(5000),
    ),
  },
  { weight: 2, arbitrary: token },
  { weight: 2, arbitrary: bytes(12) },
);
const field = fc.oneof(
  { weight: 10, arbitrary: fc.tuple(fc.constantFrom(...NAMES), value).map(([name, text]) => `${name}: ${text}`) },
  { weight: 6, arbitrary: token.map((text) => `Authorization: Bearer ${text}`) },
  { weight: 1, arbitrary: host.map((text) => `Host: ${text}`) },
  { weight: 1, arbitrary: bytes(20) },
);
const body = fc.oneof(
  { weight: 8, arbitrary: fc.constant("\r\n") },
  { weight: 2, arbitrary: bytes(30).map((text) => `Content-Length: ${text.length}\r\n\r\n${text}`) },
  {
    weight: 1,
    arbitrary: bytes(30).map(
      (text) => `Transfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`,
    ),
  },
  { weight: 1, arbitrary: bytes(30).map((text) => `Transfer-Encoding: chunked\r\n\r\n${text}`) },
);

/** One request a connection; what follows its body is noise, if anything does. */
export const wireRequest: fc.Arbitrary<string> = fc
  .tuple(
    method,
    target,
    fc.oneof(
      { weight: 20, arbitrary: fc.constant("HTTP/1.1") },
      { weight: 1, arbitrary: fc.constantFrom("HTTP/1.0", "HTTP/2.0", "HTTP/9", "") },
    ),
    host,
    fc.array(field, { maxLength: 6 }),
    body,
  )
  .map(([verb, to, version, name, fields, rest]) =>
    [`${verb} ${to} ${version}`, `Host: ${name}`, ...fields, rest].join("\r\n"),
  );
