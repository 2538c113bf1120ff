import { type Broken, route } from "./broken.ts";

const rule = (text: string) => route(`{rules: [${text}]}`);
const match = (text: string) => rule(`{matches: [${text}]}`);
const filter = (text: string) => rule(`{filters: [${text}]}`);
const ref = (text: string) => rule(`{backendRefs: [${text}]}`);
const session = (text: string) => rule(`{sessionPersistence: ${text}}`);
const V = "invalid-value spec.rules[0]";
const U = "unknown-key spec.rules[0]";

export const routes: readonly Broken[] = [
  ["a misspelt key of a route", route("{‸hostname: [a.example]}"), "unknown-key spec.hostname"],
  [
    "a misspelt key of a parentRef",
    route("{parentRefs: [{name: g, ‸section: h}]}"),
    "unknown-key spec.parentRefs[0].section",
  ],
  ["a misspelt key of a rule", rule("{‸backends: []}"), `${U}.backends`],
  ["a misspelt key of a match", match("{‸header: []}"), `${U}.matches[0].header`],
  ["a misspelt key of a path", match("{path: {‸val: /}}"), `${U}.matches[0].path.val`],
  [
    "a misspelt key of a header condition",
    match("{headers: [{name: a, value: b, ‸regex: true}]}"),
    `${U}.matches[0].headers[0].regex`,
  ],
  ["a misspelt key of a backendRef", ref("{name: a, ‸wieght: 1}"), `${U}.backendRefs[0].wieght`],
  ["a misspelt key of timeouts", rule("{timeouts: {‸backend: 1s}}"), `${U}.timeouts.backend`],
  [
    "a filter's field of another type",
    filter("{type: RequestHeaderModifier, requestHeaderModifier: {}, ‸requestRedirect: {}}"),
    `${U}.filters[0].requestRedirect`,
  ],
  [
    "a misspelt key inside a filter",
    filter("{type: RequestRedirect, requestRedirect: {‸status: 301}}"),
    `${U}.filters[0].requestRedirect.status`,
  ],
  [
    "a misspelt key of a backendRef's filter",
    ref("{name: a, filters: [{type: RequestHeaderModifier, requestHeaderModifier: {‸sets: []}}]}"),
    `${U}.backendRefs[0].filters[0].requestHeaderModifier.sets`,
  ],
  ["rules that are a map", route("{‸rules: {}}"), "invalid-value spec.rules"],
  ["a rule that is text", rule("‸hello"), V],
  ["seventeen rules", route(`{‸rules: [${"{}, ".repeat(16)}{}]}`), "invalid-value spec.rules"],
  ["two rules of one name", route("{rules: [{name: a}, {‸name: a}]}"), "invalid-value spec.rules[1].name"],
  ["a parentRef without name", route("{parentRefs: [‸{kind: Gateway}]}"), "invalid-value spec.parentRefs[0].name"],
  [
    "a parentRef's port out of range",
    route("{parentRefs: [{name: g, ‸port: 70000}]}"),
    "invalid-value spec.parentRefs[0].port",
  ],
  ["a hostname that is an address", route("{hostnames: [‸192.168.0.1]}"), "invalid-value spec.hostnames[0]"],
  ["a hostname with a scheme", route('{hostnames: [‸"https://a.example"]}'), "invalid-value spec.hostnames[0]"],
  ["a hostname with an empty label", route("{hostnames: [‸a..example]}"), "invalid-value spec.hostnames[0]"],
  ["a hostname with a trailing dot", route("{hostnames: [‸a.example.]}"), "invalid-value spec.hostnames[0]"],
  ["a path without its first slash", match("{path: {‸value: shop}}"), `${V}.matches[0].path.value`],
  ["a path with two slashes", match("{path: {‸value: /a//b}}"), `${V}.matches[0].path.value`],
  ["a path with a parent", match("{path: {‸value: /a/../b}}"), `${V}.matches[0].path.value`],
  ["a path with an encoded slash", match("{path: {‸value: /a%2Fb}}"), `${V}.matches[0].path.value`],
  ["a path with a space", match("{path: {‸value: /a b}}"), `${V}.matches[0].path.value`],
  ["a path with a query", match("{path: {‸value: '/a?b=c'}}"), `${V}.matches[0].path.value`],
  ["a path with a fragment", match("{path: {‸value: '/a#b'}}"), `${V}.matches[0].path.value`],
  ["a path with half an escape", match("{path: {‸value: /a%4}}"), `${V}.matches[0].path.value`],
  ["a path of 1025 letters", match(`{path: {‸value: /${"a".repeat(1024)}}}`), `${V}.matches[0].path.value`],
  ["an unknown type of path", match("{path: {‸type: Prefix, value: /}}"), `${V}.matches[0].path.type`],
  ["an unknown method", match("{‸method: FETCH}"), `${V}.matches[0].method`],
  ["a method in lower case", match("{‸method: get}"), `${V}.matches[0].method`],
  ["a header name with a space", match("{headers: [{‸name: 'a b', value: c}]}"), `${V}.matches[0].headers[0].name`],
  ["a header condition without value", match("{headers: [‸{name: a}]}"), `${V}.matches[0].headers[0].value`],
  [
    "seventeen header conditions",
    match(`{‸headers: [${Array.from({ length: 17 }, (_, n) => `{name: h${n}, value: v}`).join(", ")}]}`),
    `${V}.matches[0].headers`,
  ],
  [
    "a query condition with an empty value",
    match("{queryParams: [{name: a, ‸value: ''}]}"),
    `${V}.matches[0].queryParams[0].value`,
  ],
  ["a filter without type", filter("‸{}"), `${V}.filters[0].type`],
  ["a filter of unknown type", filter("{‸type: Rewrite}"), `${V}.filters[0].type`],
  ["a filter that is a number", filter("‸5"), `${V}.filters[0]`],
  ["a filter without its field", filter("‸{type: URLRewrite}"), `${V}.filters[0].urlRewrite`],
  [
    "the same filter twice",
    filter("{type: URLRewrite, urlRewrite: {}}, ‸{type: URLRewrite, urlRewrite: {}}"),
    `${V}.filters[1]`,
  ],
  [
    "a rewrite beside a redirect",
    filter("{type: RequestRedirect, requestRedirect: {}}, ‸{type: URLRewrite, urlRewrite: {}}"),
    `${V}.filters[1]`,
  ],
  [
    "a redirect beside backends",
    rule("{filters: [{type: RequestRedirect, requestRedirect: {}}], ‸backendRefs: [{name: a, port: 80}]}"),
    `${V}.backendRefs`,
  ],
  [
    "a prefix replaced where the match is exact",
    rule(
      "{matches: [{path: {type: Exact, value: /a}}], filters: [{type: URLRewrite, urlRewrite: {‸path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}]}",
    ),
    `${V}.filters[0].urlRewrite.path`,
  ],
  [
    "a replacement without its first slash",
    filter("{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, ‸replaceFullPath: .evil.example}}}"),
    `${V}.filters[0].urlRewrite.path.replaceFullPath`,
  ],
  [
    "a replaced prefix without its first slash",
    filter("{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, ‸replacePrefixMatch: b}}}"),
    `${V}.filters[0].urlRewrite.path.replacePrefixMatch`,
  ],
  [
    "a replacement with a query",
    filter("{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, ‸replaceFullPath: '/a?b'}}}"),
    `${V}.filters[0].requestRedirect.path.replaceFullPath`,
  ],
  [
    "a path modifier of both kinds",
    filter(
      "{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /a, ‸replacePrefixMatch: /b}}}",
    ),
    `${U}.filters[0].urlRewrite.path.replacePrefixMatch`,
  ],
  [
    "a path modifier of neither kind",
    filter("{type: URLRewrite, urlRewrite: {path: ‸{}}}").replace("‸{}", "{}").replace("{path: {}}", "{‸path: {}}"),
    `${V}.filters[0].urlRewrite.path.type`,
  ],
  [
    "a redirect's unknown status",
    filter("{type: RequestRedirect, requestRedirect: {‸statusCode: 200}}"),
    `${V}.filters[0].requestRedirect.statusCode`,
  ],
  [
    "a redirect's unknown scheme",
    filter("{type: RequestRedirect, requestRedirect: {‸scheme: ftp}}"),
    `${V}.filters[0].requestRedirect.scheme`,
  ],
  [
    "a redirect to a wildcard",
    filter("{type: RequestRedirect, requestRedirect: {‸hostname: '*.example'}}"),
    `${V}.filters[0].requestRedirect.hostname`,
  ],
  [
    "a header value of two lines",
    filter('{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, ‸value: "b\\r\\nc: d"}]}}'),
    `${V}.filters[0].requestHeaderModifier.set[0].value`,
  ],
  [
    "a header value beyond eight bits",
    filter("{type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: a, ‸value: 語}]}}"),
    `${V}.filters[0].responseHeaderModifier.add[0].value`,
  ],
  [
    "one header set twice",
    filter("{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}, {‸name: A, value: c}]}}"),
    `${V}.filters[0].requestHeaderModifier.set[1].name`,
  ],
  [
    "a header to remove that is none",
    filter("{type: RequestHeaderModifier, requestHeaderModifier: {remove: [‸'a b']}}"),
    `${V}.filters[0].requestHeaderModifier.remove[0]`,
  ],
  [
    "a mirror by percent and by fraction",
    filter(
      "{type: RequestMirror, ‸requestMirror: {backendRef: {name: a, port: 80}, percent: 1, fraction: {numerator: 1}}}",
    ),
    `${V}.filters[0].requestMirror`,
  ],
  [
    "a mirror of more than everything",
    filter(
      "{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 80}, ‸fraction: {numerator: 2, denominator: 1}}}",
    ),
    `${V}.filters[0].requestMirror.fraction`,
  ],
  ["a backendRef without name", ref("‸{port: 80}"), `${V}.backendRefs[0].name`],
  ["a negative weight", ref("{name: a, port: 80, ‸weight: -1}"), `${V}.backendRefs[0].weight`],
  ["a weight beyond a million", ref("{name: a, port: 80, ‸weight: 1000001}"), `${V}.backendRefs[0].weight`],
  ["a weight with a fraction", ref("{name: a, port: 80, ‸weight: 0.5}"), `${V}.backendRefs[0].weight`],
  ["a backendRef's namespace in capitals", ref("{name: a, port: 80, ‸namespace: B}"), `${V}.backendRefs[0].namespace`],
  [
    "seventeen backends",
    rule(`{‸backendRefs: [${Array.from({ length: 17 }, () => "{name: a, port: 80}").join(", ")}]}`),
    `${V}.backendRefs`,
  ],
  ["a duration without unit", rule("{timeouts: {‸request: 10}}"), `${V}.timeouts.request`],
  ["a duration with a fraction", rule("{timeouts: {‸request: 1.5s}}"), `${V}.timeouts.request`],
  ["a duration in days", rule("{timeouts: {‸request: 1d}}"), `${V}.timeouts.request`],
  ["a negative duration", rule("{timeouts: {‸request: -1s}}"), `${V}.timeouts.request`],
  ["a duration of six digits", rule("{timeouts: {‸request: 100000s}}"), `${V}.timeouts.request`],
  [
    "one try that may last longer than the request",
    rule("{timeouts: {request: 1s, ‸backendRequest: 2s}}"),
    `${V}.timeouts.backendRequest`,
  ],
  ["CORS twice", rule("{filters: [{type: CORS, cors: {}}, ‸{type: CORS, cors: {}}]}"), `${V}.filters[1]`],
  [
    "an origin with a path",
    filter("{type: CORS, cors: {allowOrigins: [‸'https://a.example/']}}"),
    `${V}.filters[0].cors.allowOrigins[0]`,
  ],
  [
    "every origin and one more",
    filter("{type: CORS, cors: {‸allowOrigins: ['*', 'https://a.example']}}"),
    `${V}.filters[0].cors.allowOrigins`,
  ],
  [
    "a method in small letters",
    filter("{type: CORS, cors: {allowMethods: [‸get]}}"),
    `${V}.filters[0].cors.allowMethods[0]`,
  ],
  [
    "a pattern that ends too early",
    match("{path: {type: RegularExpression, ‸value: /a/(b}}"),
    `${V}.matches[0].path.value`,
  ],
  [
    "a pattern that looks ahead",
    match("{headers: [{type: RegularExpression, name: a, ‸value: '(?=b)b'}]}"),
    `${V}.matches[0].headers[0].value`,
  ],
  [
    "a pattern of too many steps",
    match("{queryParams: [{type: RegularExpression, name: a, ‸value: '(a?){900}'}]}"),
    `${V}.matches[0].queryParams[0].value`,
  ],
  ["a retry on a success", rule("{retry: {codes: [‸200]}}"), `${V}.retry.codes[0]`],
  ["a session kept by neither cookie nor header", session("{‸type: Address}"), `${V}.sessionPersistence.type`],
  [
    "a misspelt key of a session's cookie",
    session("{type: Cookie, cookie: {‸nam: a}}"),
    `${U}.sessionPersistence.cookie.nam`,
  ],
  [
    "a cookie with a lifetime in a session by header",
    session("{type: Header, ‸cookie: {name: a}}"),
    `${V}.sessionPersistence.cookie`,
  ],
  ["a header in a session by cookie", session("{type: Cookie, ‸header: {name: a}}"), `${V}.sessionPersistence.header`],
  ["a session's header without name", session("{type: Header, ‸header: {}}"), `${V}.sessionPersistence.header.name`],
  [
    "a permanent cookie without an end",
    rule("{‸sessionPersistence: {cookie: {lifetimeType: Permanent}}}"),
    `${V}.sessionPersistence.absoluteTimeout`,
  ],
  [
    "a cookie by its older and its newer name",
    session("{cookie: {}, ‸cookieConfig: {}}"),
    `${V}.sessionPersistence.cookieConfig`,
  ],
];
